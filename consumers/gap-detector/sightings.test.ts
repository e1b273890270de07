import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BLANK_CHECKPOINT } from '../../schemas/blank-checkpoint.ts';
import { GatewayLedger } from './gateway-ledger.ts';
import { type GapWord, SourceLedger } from './source-ledger.ts';

const TOPIC = 't';
const PARTITIONS = 3;
const STREAMS = 2;
const OF = { source: 's', streamEpoch: 'e' };
const ALWAYS = { untilMs: Number.POSITIVE_INFINITY, isOpenEnded: false };

interface Logged {
  readonly stream: number;
  readonly seq: number;
  readonly gatewayEpoch: string;
  readonly atMs: number;
}

interface Account {
  next: number;
  upto: number;
  highest: number;
  readonly missing: Set<number>;
  readonly lost: Set<number>;
  /** Settled above `upto`, since the gateway began. */
  readonly ahead: Set<number>;
  readonly logged: Set<number>;
}

type Word = Omit<GapWord, 'source' | 'streamEpoch' | 'stream'> & { readonly stream: number };
type Checkpoint = Parameters<GatewayLedger['checkpoint']>[0];

/** Sources that count, a gateway that forgets what is above its position when it starts anew, and the log. */
class World {
  nowMs = 1_000_000;
  readonly log: Logged[][] = Array.from({ length: PARTITIONS }, () => []);
  readonly words: Word[] = [];
  readonly checkpoints: Checkpoint[] = [];
  readonly accounts: readonly Account[] = Array.from({ length: STREAMS }, () => ({
    ...{ next: 1, upto: 0, highest: 0, missing: new Set<number>(), lost: new Set<number>() },
    ...{ ahead: new Set<number>(), logged: new Set<number>() },
  }));
  #epoch = 0;
  #received = 0;
  #ends = new Map<number, number>();

  constructor() {
    this.checkpoint('opened');
  }

  checkpoint(kind: 'opened' | 'progress' | 'closed'): void {
    const ends = [...this.#ends].map(([partition, offset]) => ({ topic: TOPIC, partition, offset }));
    const about = { gatewayEpoch: `g${this.#epoch}`, instance: 'i', inFlightMax: 8, at: this.nowMs };
    const account = { settledUpTo: this.#received, received: this.#received, ends };
    this.checkpoints.push({ ...BLANK_CHECKPOINT, kind, ...about, ...account });
  }

  restart(): void {
    this.checkpoint('closed');
    this.#epoch += 1;
    this.#received = 0;
    this.#ends = new Map();
    this.checkpoint('opened');
    for (const [stream, account] of this.accounts.entries()) {
      // The peer sends again all that is not acknowledged, as far as it still has it.
      const again = [...account.ahead].sort((a, b) => a - b);
      account.highest = account.upto;
      account.ahead.clear();
      account.missing.clear();
      for (const seq of again) this.#arrive(stream, seq, seq % PARTITIONS);
    }
  }

  send(stream: number, partition: number, skipped: number): void {
    const account = this.accounts[stream] as Account;
    account.next += skipped;
    this.#arrive(stream, account.next, partition);
    account.next += 1;
  }

  resend(stream: number, partition: number): void {
    const account = this.accounts[stream] as Account;
    const [first] = [...account.missing].sort((a, b) => a - b);
    if (first !== undefined) this.#arrive(stream, first, partition);
  }

  giveUp(stream: number): void {
    const account = this.accounts[stream] as Account;
    for (const seq of account.missing) {
      this.#word('gap_lost', stream, seq, seq);
      account.lost.add(seq);
    }
    account.missing.clear();
    this.#advance(account);
  }

  /** A peer that stood still sends after all what was given up. */
  sendLate(stream: number, partition: number): void {
    const [first] = this.accounts[stream]?.lost ?? [];
    if (first !== undefined) this.#arrive(stream, first, partition);
  }

  #arrive(stream: number, seq: number, partition: number): void {
    const account = this.accounts[stream] as Account;
    if (seq > account.highest + 1) {
      this.#word('gap_open', stream, account.highest + 1, seq - 1);
      for (let one = account.highest + 1; one < seq; one += 1) account.missing.add(one);
    }
    account.highest = Math.max(account.highest, seq);
    account.missing.delete(seq);
    account.lost.delete(seq);
    if (seq > account.upto) account.ahead.add(seq);
    account.logged.add(seq);
    this.#received += 1;
    const log = this.log[partition] as Logged[];
    log.push({ stream, seq, gatewayEpoch: `g${this.#epoch}`, atMs: this.nowMs });
    this.#ends.set(partition, log.length);
    this.#advance(account);
  }

  #advance(account: Account): void {
    while (account.upto < account.highest && !account.missing.has(account.upto + 1))
      account.ahead.delete(++account.upto);
  }

  #word(kind: GapWord['kind'], stream: number, from: number, to: number): void {
    this.words.push({ kind, stream, from, to, atMs: this.nowMs });
  }

  /** What an audit that starts now finds, where the log begins at these shares of its partitions. */
  audit(cuts: readonly number[]) {
    const [gateway, sources] = [new GatewayLedger(), new SourceLedger()];
    for (const one of this.checkpoints) gateway.checkpoint(one);
    for (const { stream, ...word } of this.words) sources.word({ ...OF, stream: String(stream), ...word });
    const starts = new Map<string, bigint>();
    for (const [partition, log] of this.log.entries()) {
      const start = Math.floor(log.length * (cuts[partition] ?? 0));
      starts.set(`${TOPIC}-${partition}`, BigInt(start));
      for (const [offset, { atMs: receivedAtMs, stream, ...event }] of log.entries()) {
        if (offset < start) continue;
        const at = { topic: TOPIC, partition, offset: BigInt(offset) };
        sources.observe({ ...OF, ...event, stream: String(stream), receivedAtMs }, at);
      }
    }
    const forgotten = gateway.forgotten(starts);
    const { findings } = sources.judge(() => ALWAYS, forgotten, this.nowMs + 600_000);
    const found = this.accounts.map((_one, stream) => new Set(numbersOf(findings, String(stream))));
    return { forgotten, found };
  }
}

function numbersOf(findings: ReturnType<SourceLedger['judge']>['findings'], stream: string): readonly number[] {
  return findings
    .filter((one) => one.kind === 'source-gap' && one.stream === stream)
    .flatMap(({ from = 0, to = 0 }) => Array.from({ length: to - from + 1 }, (_, index) => from + index));
}

const stream = fc.nat(STREAMS - 1);
const partition = fc.nat(PARTITIONS - 1);
const STEP = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(fc.constant('send' as const), stream, partition) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('skip' as const), stream, partition) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('resend' as const), stream, partition) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('giveUp' as const), stream, partition) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('late' as const), stream, partition) },
  { weight: 4, arbitrary: fc.tuple(fc.constant('checkpoint' as const), stream, partition) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('restart' as const), stream, partition) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('wait' as const), stream, partition) },
);
const CUT = fc.oneof(fc.constant(0), fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true }));

function worldOf(steps: readonly (readonly [string, number, number])[]): World {
  const world = new World();
  for (const [what, of, where] of steps) {
    world.nowMs += 1_000;
    if (what === 'send') world.send(of, where, 0);
    if (what === 'skip') world.send(of, where, 1 + where);
    if (what === 'resend') world.resend(of, where);
    if (what === 'late') world.sendLate(of, where);
    if (what === 'giveUp') world.giveUp(of);
    if (what === 'checkpoint') world.checkpoint('progress');
    if (what === 'restart') world.restart();
    if (what === 'wait') world.nowMs += 100_000;
  }
  world.nowMs += 1_000;
  world.checkpoint('progress');
  return world;
}

test('wherever the log begins, no number that ever was on it is missing, and all that the gateway gave up since are', () => {
  let judged = 0;
  fc.assert(
    fc.property(fc.array(STEP, { maxLength: 80, size: 'max' }), fc.tuple(CUT, CUT, CUT), (steps, cuts) => {
      const world = worldOf(steps);
      const { forgotten, found } = world.audit(cuts);
      for (const [of, account] of world.accounts.entries()) {
        expect([...(found[of] ?? [])].filter((seq) => account.logged.has(seq))).toEqual([]);
        const lost = world.words.filter(
          ({ kind, stream: name, from, atMs }) =>
            kind === 'gap_lost' && name === of && atMs > forgotten.untilMs && !account.logged.has(from),
        );
        expect(lost.filter(({ from }) => found[of]?.has(from) !== true)).toEqual([]);
        judged += forgotten.starts.size > 0 ? (found[of]?.size ?? 0) : 0;
      }
    }),
    { numRuns: 1_000 },
  );
  expect(judged).toBeGreaterThan(0);
});

test('where the log has forgotten nothing, exactly the numbers that never came are missing', () => {
  fc.assert(
    fc.property(fc.array(STEP, { maxLength: 80, size: 'max' }), (steps) => {
      const world = worldOf(steps);
      const { found } = world.audit([0, 0, 0]);
      for (const [of, { logged }] of world.accounts.entries()) {
        const highest = Math.max(0, ...logged);
        const never = Array.from({ length: highest }, (_, index) => index + 1).filter((seq) => !logged.has(seq));
        expect([...(found[of] ?? [])].sort((a, b) => a - b)).toEqual(never);
      }
    }),
    { numRuns: 300 },
  );
});
