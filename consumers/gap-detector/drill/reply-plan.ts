// What a drill puts on its scratch topic of replies, into the ledger of effects and into the outbox, and how far the group of the
// commands service has come. Pure.
import { derivedUuid } from '../../../schemas/event-key.ts';
import type { Dispatch } from '../../../schemas/generated.ts';
import type { EffectLine } from '../replies.ts';
import type { Place, PlannedAppend, PlannedRow } from './plan.ts';

export interface PlannedEffect {
  readonly command: PlannedRow;
  readonly status: EffectLine['status'];
  readonly atMs: number;
}

export interface PlannedReply extends Place {
  readonly dispatch: Dispatch;
}

export interface ReplyPlan {
  readonly appends: readonly (readonly PlannedAppend[])[];
  /** What lies below has left the log, by partition. */
  readonly logStarts: ReadonlyMap<number, number>;
  readonly effects: readonly PlannedEffect[];
  /** What the outbox holds as sent. */
  readonly sent: readonly Dispatch[];
  /** What waits in the outbox during a second audit: older than every effect, so that none need have its reply. */
  readonly unsent: readonly Dispatch[];
  /** Effects of commands that were received before are forgotten. */
  readonly forgottenBeforeMs: number | undefined;
  /** Committed offsets of the group of the commands service, by partition of the incoming topic. */
  readonly committed: ReadonlyMap<number, number>;
}

export const OUTGOING_PARTITIONS = 2;

export class ReplyPlanner {
  readonly effects: PlannedEffect[] = [];
  readonly sent: Dispatch[] = [];
  readonly unsent: Dispatch[] = [];
  readonly committed = new Map<number, number>();
  forgottenBeforeMs: number | undefined;
  readonly #appends: PlannedAppend[][] = Array.from({ length: OUTGOING_PARTITIONS }, () => []);
  readonly #logStarts = new Map<number, number>();

  /** A reply that is nowhere yet. */
  dispatch({ id, event }: PlannedRow, changes: Partial<Dispatch> = {}): Dispatch {
    const { source, connection, chat, receivedAt } = event;
    return {
      ...{ replyId: derivedUuid('reply', id, 'ping'), source, connection, chat, inReplyTo: event.id, eventKey: id },
      ...{ command: 'ping', content: 'pong', createdAt: receivedAt },
      ...changes,
    };
  }

  append(dispatch: Dispatch, partition: number): PlannedReply {
    const offset = this.#append(partition, (at) => ({ kind: 'reply', offset: at, dispatch }));
    return { partition, offset, dispatch };
  }

  appendBytes(bytes: Buffer, partition: number): void {
    this.#append(partition, (offset) => ({ kind: 'bytes', offset, bytes }));
  }

  /** All that a partition has so far leaves the log. */
  cutLog(partition: number): void {
    this.#logStarts.set(partition, this.#appends[partition]?.length ?? 0);
  }

  plan(): ReplyPlan {
    const { effects, sent, unsent, forgottenBeforeMs, committed } = this;
    const [appends, logStarts] = [this.#appends, this.#logStarts];
    return { appends, logStarts, effects, sent, unsent, forgottenBeforeMs, committed };
  }

  #append(partition: number, append: (offset: number) => PlannedAppend): number {
    const offset = this.#appends[partition]?.length ?? 0;
    this.#appends[partition]?.push(append(offset));
    return offset;
  }
}
