// What a gateway's checkpoint says of its spool: frames that may lie there and nowhere else. Pure.
import type { SourceCheckpoint } from '../../schemas/generated.ts';

export interface Spool {
  /** Inclusive, both. */
  readonly from: number;
  readonly to: number;
}

export function spoolOf({ spoolFrom, spoolTo }: Pick<SourceCheckpoint, 'spoolFrom' | 'spoolTo'>): Spool | null {
  if (spoolFrom === null || spoolTo === null || spoolTo < spoolFrom) return null;
  return { from: spoolFrom, to: spoolTo };
}
