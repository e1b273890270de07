// The control frames of one session but for what a hello begins: each is read, has to keep to a rate, is done or refused, and is in
// one count. What answers dispatches (`ack`, `credit`, and the `ping` behind an `ack`) costs nothing of that rate as long as it does:
// how many of those come is for us to say.
import { type CloseName, PROTOCOL_ERROR, type ProtocolErrorName } from '../../schemas/protocol/codes.ts';
import { type Hello, PEER_FRAMES, type PeerFrame, readPeerFrame } from '../../schemas/protocol/frames.ts';
import type { Saying } from './event-answers.ts';
import type { EventIntake } from './event-intake.ts';
import type { OpenStreams } from './open-streams.ts';
import type { Fields } from './parse-frame.ts';
import type { Receiver } from './receiver.ts';
import type { SessionDeps } from './session-options.ts';
import type { Wire } from './wire.ts';

/** Whose they are. */
export interface Controlled extends Receiver, Saying {
  readonly wire: Wire;
  readonly open: OpenStreams;
  /** Counts itself, when it is known what becomes of it. */
  readonly hello: (hello: Hello) => void;
}

interface Refused {
  readonly error: ProtocolErrorName;
  readonly reason: string;
  readonly ref?: string;
  readonly close?: CloseName;
}

const REF_MAX = 64;

export class ControlFrames {
  readonly #session: Controlled;
  readonly #deps: Pick<SessionDeps, 'streams' | 'downward' | 'metrics'>;

  constructor(session: Controlled, deps: Pick<SessionDeps, 'streams' | 'downward' | 'metrics'>) {
    this.#session = session;
    this.#deps = deps;
  }

  /** Whether it is a control frame that may be sent now. Without an intake there was no welcome yet. */
  take(fields: Fields, intake: EventIntake | undefined): boolean {
    const session = this.#session;
    const { op } = fields;
    const ref = typeof op === 'string' ? op.slice(0, REF_MAX) : 'op';
    const isAnswer = op === 'ack' || op === 'credit' || (op === 'ping' && intake?.evidence.isUnasked === true);
    const waitMs = isAnswer ? undefined : intake?.controlWaitMs();
    if (waitMs !== undefined) {
      this.refused(op, 'rateLimited');
      session.error('rateLimited', 'more control frames than the rate allows', { retry_after_ms: waitMs, ref });
      return false;
    }
    const read = readPeerFrame(fields);
    if (!read.ok) {
      if (isAnswer) intake?.controlWaitMs();
      this.refused(op, 'invalid');
      session.error('invalid', read.reason, { ref });
      return false;
    }
    if (read.frame.op === 'hello') session.hello(read.frame);
    else if (intake !== undefined) this.#done(read.frame, this.#do(read.frame, intake));
    return true;
  }

  taken(op: unknown): void {
    this.#count(op, 'taken');
  }

  refused(op: unknown, name: ProtocolErrorName): void {
    this.#count(op, String(PROTOCOL_ERROR[name].code));
  }

  #done({ op }: PeerFrame, refused: Refused | undefined): void {
    if (refused === undefined) return this.taken(op);
    const session = this.#session;
    this.refused(op, refused.error);
    session.error(refused.error, refused.reason, refused.ref === undefined ? {} : { ref: refused.ref });
    if (refused.close !== undefined) session.wire.close(refused.close);
  }

  #do(frame: Exclude<PeerFrame, Hello>, intake: EventIntake): Refused | undefined {
    const session = this.#session;
    const { streams, downward } = this.#deps;
    switch (frame.op) {
      case 'unavailable': {
        const { epoch } = frame;
        const one = session.open.of(epoch);
        if (one === undefined) return { error: 'regressed', reason: `epoch ${epoch} was never announced` };
        const { account, state, acks } = one;
        if (!account.hasRoomWithout(frame))
          return { error: 'tooManyGaps', reason: 'too many gaps', close: 'positionMismatch' };
        for (const range of account.giveUp(frame)) streams.gap('gap_lost', state, epoch, range);
        acks.due();
        return undefined;
      }
      case 'ack': {
        const refused = intake.evidence.add(frame.ids);
        if (refused !== undefined) intake.controlWaitMs();
        return refused;
      }
      case 'credit':
        if (!downward.credit(session, frame.n)) intake.controlWaitMs();
        return undefined;
      case 'ping':
        intake.evidence.behind(() => session.send({ op: 'pong', t: frame.t }));
        return undefined;
      case 'pong':
        return undefined;
    }
  }

  #count(op: unknown, outcome: string): void {
    const known = typeof op === 'string' && Object.hasOwn(PEER_FRAMES, op) ? op : 'other';
    this.#deps.metrics.controlFrames.inc({ op: known, outcome });
  }
}
