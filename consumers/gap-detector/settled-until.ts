// Up to when all that a gateway epoch has received is settled and read: what was received later may be in flight. An epoch that ended
// with nothing in flight has no such time. One that ended with frames in flight, or nobody knows whether, keeps the time of its last
// word that leaves none open: its sources send again what it had not settled, and until one of them has, nobody can say what is lost. Pure.
import { type Epoch, spooledOf } from './epoch-claims.ts';
import type { EpochState } from './gateway-ledger.ts';

export interface SettledUntil {
  /** By the gateway's clock; infinity where nothing is open. */
  readonly untilMs: number;
  /** It has ended, and what it left open comes again by another epoch, if at all. */
  readonly isOpenEnded: boolean;
}

/** `floor`: what may have expired; `judgedUpTo`: the highest claim that is read. */
export function settledUntil(epoch: Epoch, state: EpochState, floor: number, judgedUpTo: number): SettledUntil {
  const { marks, recent, settledUpTo, received, isEndUnknown } = epoch;
  const isRead = judgedUpTo >= settledUpTo;
  const isWhole = state === 'closed' && !isEndUnknown && received <= settledUpTo;
  if (isRead && isWhole) return { untilMs: Number.POSITIVE_INFINITY, isOpenEnded: false };
  // Of a number that its successor calls unacknowledged the frame is settled, and the event comes again.
  const acknowledgedUpTo = Math.min(judgedUpTo, epoch.unacknowledgedFrom - 1);
  // What a successor says is of a time when nothing came in any more.
  const untilMs = [...marks, ...recent]
    .filter(({ received: upTo, isOfSuccessor }) => !isOfSuccessor && upTo <= acknowledgedUpTo)
    .reduce((latest, { atMs }) => Math.max(latest, atMs), 0);
  // What lies in a spool was acknowledged: its source does not send it again.
  return { untilMs, isOpenEnded: state !== 'live' && isRead && spooledOf(epoch, floor).length === 0 };
}
