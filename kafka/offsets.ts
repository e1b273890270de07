// Offsets are bigint inside and JSON numbers outside. Above 2^53 - 1 they are refused rather than rounded.
import { PmcError } from '../service/errors.ts';
import type { Offset, RangeEntry } from './log.ts';

const JSON_MAX = BigInt(Number.MAX_SAFE_INTEGER);

export function parseOffset(text: string): bigint {
  return BigInt(text);
}

export function offsetToJson(offset: bigint): number {
  if (offset > JSON_MAX) {
    throw new PmcError('PMC_OFFSET_OUT_OF_RANGE', `offset ${offset} is above 2^53 - 1 and cannot be a JSON number`);
  }
  return Number(offset);
}

export function offsetOf(entry: RangeEntry): Offset {
  return entry.kind === 'record' ? entry.record.offset : entry.offset;
}
