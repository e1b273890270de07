// A source of the drill that asks commands, gets replies and acknowledges them. Pure.

import type { IncomingEvent } from '../../../schemas/generated.ts';
import { deliveredEvent } from '../../../schemas/protocol/delivered-event.ts';
import { below } from '../../../service/random.ts';
import type { EffectLine } from '../replies.ts';
import type { Gateway } from './fault-case.ts';
import type { DrillPlanner, PlannedRow } from './plan.ts';
import { OUTGOING_PARTITIONS, type PlannedReply } from './reply-plan.ts';

/** Long enough for a command to have its reply, and for a reply to be acknowledged. */
const DUE_MS = 120_000;
/** So far ahead that it is young however long the audit takes. */
export const YOUNG_MS = 600_000;

interface Asked {
  readonly receivedAt?: number;
  readonly storedAtMs?: number;
  readonly partition?: number;
  readonly members?: Readonly<Record<string, string>>;
}

export class Peer {
  readonly #planner: DrillPlanner;
  readonly #gateway: Pick<Gateway, 'frame'>;
  readonly #source: string;

  constructor(planner: DrillPlanner, gateway: Pick<Gateway, 'frame'>, source: string) {
    this.#planner = planner;
    this.#gateway = gateway;
    this.#source = `drill-${source}`;
  }

  /** A command on the log and in its row. */
  ask({ receivedAt = this.#planner.nowMs - DUE_MS, storedAtMs = receivedAt, ...asked }: Asked = {}): PlannedRow {
    const { partition = this.#planner.anyPartition(), members } = asked;
    const event = this.#gateway.frame({ source: this.#source, receivedAt }, { content: '/ping', ...members });
    const row = { ...this.#planner.append(event, { partition }), storedAtMs };
    this.#planner.store(row);
    return row;
  }

  /** A command with its effect. */
  askHandled({
    status = 'done',
    atMs,
    ...asked
  }: Asked & Partial<Pick<EffectLine, 'status' | 'atMs'>> = {}): PlannedRow {
    const command = this.ask(asked);
    this.#planner.replies.effects.push({ command, status, atMs: atMs ?? command.event.receivedAt });
    return command;
  }

  /** A command with its effect and its reply on the log. */
  askAnswered(partition = this.anyLane(), createdAt?: number): PlannedReply {
    const { replies } = this.#planner;
    return replies.append(replies.dispatch(this.askHandled(), createdAt === undefined ? {} : { createdAt }), partition);
  }

  /** A partition of the topic of replies. */
  anyLane(): number {
    return below(this.#planner.random, OUTGOING_PARTITIONS);
  }

  acknowledge(reply: PlannedReply): void {
    this.#planner.store(this.#planner.append(this.#acknowledgement(reply)));
  }

  /** Retention has deleted the row of the acknowledgement. */
  acknowledgeLongAgo(reply: PlannedReply): void {
    this.#planner.purged.push(this.#planner.append(this.#acknowledgement(reply, reply.dispatch.createdAt)));
    this.#planner.accounts.purged += 1;
  }

  #acknowledgement({ dispatch: { replyId } }: PlannedReply, receivedAt = this.#planner.nowMs): IncomingEvent {
    const source = this.#source;
    const about = {
      source,
      kind: 'delivered',
      id: replyId,
      actor: source,
      type: null,
      chat: null,
      receivedAt,
    } as const;
    return this.#gateway.frame(about, deliveredEvent(replyId, source));
  }
}
