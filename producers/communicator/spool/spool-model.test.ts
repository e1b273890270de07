import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, expect, test, vi } from 'vitest';
import { ScriptedAppender } from '../../../kafka/scripted-appender.testing.ts';
import { type Closing, eventsOf, Spooling } from './spooling.testing.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});
vi.mock('../../../service/backoff.ts', () => ({
  backoffMs: () => 0,
  pause: () => new Promise((resolve) => setTimeout(resolve, 1)),
}));

let folder: string;
let log: ScriptedAppender;
let open: Spooling[] = [];

afterEach(async () => {
  await Promise.all(open.map((one) => one.kill().catch(() => undefined)));
  rmSync(folder, { recursive: true, force: true });
});

async function start(epoch: string): Promise<Spooling> {
  const opened = await Spooling.open({ path: join(folder, 'spool.sqlite'), epoch, log });
  open.push(opened);
  opened.spool.start();
  return opened;
}

function upTo(number: number, from = 1): readonly number[] {
  return Array.from({ length: number - from + 1 }, (_, index) => from + index);
}

type Step =
  | { readonly do: 'add'; readonly source: string; readonly count: number }
  | {
      readonly do:
        | 'receive'
        | 'elsewhere'
        | 'tell'
        | 'hold'
        | 'release'
        | 'sync'
        | 'tick'
        | 'turn'
        | 'kill'
        | 'full'
        | 'free';
    };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('add'),
      source: fc.constantFrom('a', 'b'),
      count: fc.integer({ min: 1, max: 40 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('receive', 'elsewhere', 'tell') }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constantFrom('hold', 'release', 'sync', 'tick', 'turn') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('kill', 'full', 'free') }) },
) as fc.Arbitrary<Step>;

class Model {
  readonly added = new Map<string, number>();
  /** By source, the numbers that were said to be on the disk, or that are of the last process. */
  readonly safe = new Map<string, Set<number>>();
  /** Numbers that a checkpoint named, with their epoch. */
  readonly told = new Set<string>();
  /** Epochs in which a frame of the spool got a number. */
  readonly numbered = new Set<string>();
  readonly closings: Closing[] = [];
  #counted = 0;
  #fresh: [string, number][] = [];
  #lives = 1;
  now: Spooling;

  constructor(first: Spooling) {
    this.now = first;
  }

  async run(one: Step): Promise<void> {
    switch (one.do) {
      case 'add':
        for (let count = 0; count < one.count; count += 1) this.#add(one.source);
        return;
      case 'receive':
        this.#counted += 1;
        return this.now.receive('counted');
      case 'elsewhere':
        this.#counted += 1;
        return this.now.ingest.settleElsewhere({ source: 'counted', connection: 'two' }, 'duplicate');
      case 'tell':
        return this.#tell();
      case 'hold':
        return log.hold();
      case 'release':
        return log.release();
      case 'sync':
        if (this.now.failing.size === 0) await this.sync();
        return;
      case 'tick':
        return this.now.spool.tick();
      case 'turn':
        return await new Promise((resolve) => setTimeout(resolve, 1));
      case 'full':
        this.now.failing.add('willSpool').add('commit').add('note').add('closeEpoch');
        return;
      case 'free':
        return this.now.failing.clear();
      case 'kill':
        return await this.#kill();
    }
  }

  async sync(): Promise<void> {
    const fresh = this.#fresh;
    await this.now.spool.synced();
    for (const [source, number] of fresh) this.safe.set(source, (this.safe.get(source) ?? new Set()).add(number));
    this.#fresh = [];
  }

  /** A checkpoint gets to the log. */
  #tell(): void {
    const { settlement } = this.now.ingest;
    for (const { from, to } of settlement.takeElsewhere())
      for (const number of upTo(to, from)) this.told.add(`${this.now.epoch} ${number}`);
    settlement.toldElsewhere();
  }

  #add(source: string): void {
    const number = (this.added.get(source) ?? 0) + 1;
    this.added.set(source, number);
    this.now.add(source, number, 50);
    this.#fresh.push([source, number]);
  }

  async #kill(): Promise<void> {
    await this.now.kill();
    if (this.now.ingest.settlement.received > this.#counted) this.numbered.add(this.now.epoch);
    this.#counted = 0;
    this.closings.push(...this.now.closings);
    this.#fresh = [];
    this.#lives += 1;
    this.now = await start(`e${this.#lives}`);
  }
}

test('whatever happens, a frame that is on the disk comes to the log, in order, and epochs are closed as they ended', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
      open = [];
      folder = mkdtempSync(join(tmpdir(), 'spool-'));
      log = new ScriptedAppender();
      const model = new Model(await start('e1'));
      for (const one of steps) await model.run(one);
      log.release();
      model.now.failing.clear();
      await model.sync();
      await model.now.settle();
      await model.now.kill();
      rmSync(folder, { recursive: true });
      model.closings.push(...model.now.closings);
      const events = await eventsOf(log);
      for (const [source, numbers] of model.safe) {
        const got = events.filter((event) => event.source === source).map(({ id }) => Number(id?.slice(1)));
        expect(got).toEqual(got.toSorted((a, b) => a - b));
        expect([...numbers].filter((number) => !got.includes(number))).toEqual([]);
      }
      expect(model.now.ingest.settlement.settledUpTo).toBe(model.now.ingest.settlement.received);
      for (const { row, spooled, ends } of model.closings) {
        if (model.numbered.has(row.epoch)) expect(row.hasSpooled).toBe(true);
        const own = events.filter(({ gatewayEpoch }) => gatewayEpoch === row.epoch);
        const onLog = new Set(own.map(({ ingestSeq }) => ingestSeq));
        // Everything up to there is on the log or has its name, or was of a peer that sends it again: never a frame of the spool.
        const named = new Set(row.elsewhere.flatMap(({ from, to }) => upTo(to, from)));
        for (const number of upTo(row.settledUpTo))
          expect(onLog.has(number) || named.has(number) || model.told.has(`${row.epoch} ${number}`)).toBe(true);
        // Whoever has read up to the ends has met every frame that the last word claims.
        const pairs = (row.hasSpooled ? ends : row.ends).map((end) => [end.partition, end.offset] as const);
        const endOf = new Map(pairs);
        for (const { ingestSeq, partition, offset } of own) {
          if (ingestSeq <= row.settledUpTo || (row.hasSpooled && ingestSeq <= row.numberedUpTo))
            expect(endOf.get(partition) ?? 0).toBeGreaterThan(offset);
        }
        const ofSpool = own.filter((event) => event.source !== 'counted').map(({ ingestSeq }) => ingestSeq);
        const elsewhere = spooled.without(row.settledUpTo + 1, row.numberedUpTo);
        for (const { from, to } of elsewhere) expect(ofSpool.filter((it) => it >= from && it <= to)).toEqual([]);
        expect(spooled.ranges.flatMap(({ from, to }) => upTo(to, from)).filter((it) => !onLog.has(it))).toEqual([]);
      }
    }),
    { numRuns: 25 },
  );
}, 120_000);
