// Who may speak, as whom, and how fast: asked once, at hello.
import type { CloseName, ProtocolErrorName } from '../../schemas/protocol/codes.ts';
import type { Hello } from '../../schemas/protocol/frames.ts';

export interface Granted {
  readonly ok: true;
  readonly source: string;
  /** We went to it, and keep for it what a user keeps for itself. */
  readonly isDialled: boolean;
  readonly tokenId?: string | undefined;
  /** Events a second, and how many at once; null for none. */
  readonly rate: number | null;
  readonly burst: number | null;
  /** Frames a second above which it is not read for a moment; undefined for none. */
  readonly pausedAt?: number | undefined;
}

export interface Refused {
  readonly ok: false;
  readonly error: ProtocolErrorName;
  readonly reason: string;
  readonly close: CloseName;
}

export type Admission = Granted | Refused;

export type Admit = (hello: Hello) => Admission | Promise<Admission>;
