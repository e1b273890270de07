import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import type { Vector } from './cursor.ts';
import type { Downward } from './downward.ts';
import { OutgoingLog, ScriptedReceiver } from './outgoing-log.testing.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});

const BEGINNING: Vector = new Map([
  [0, 0n],
  [1, 0n],
]);
const NEVER = new AbortController().signal;

function at(partition: number, offset: number): Readonly<Record<string, number>> {
  return { [`pmc.messages.outgoing/${partition}`]: offset };
}

type Step =
  | { readonly do: 'append'; readonly partition: number; readonly source: string; readonly count: number }
  | { readonly do: 'read'; readonly partition: number; readonly count: number; readonly back: number }
  | {
      readonly do: 'attach';
      readonly source: string;
      readonly back: number;
      readonly isWaitedFor: boolean;
      /** Its position is from before the second partition was added. */
      readonly isOld: boolean;
    }
  | { readonly do: 'begin' | 'detach' | 'block' | 'unblock' | 'taken' | 'refused'; readonly who: number }
  | { readonly do: 'credit'; readonly who: number; readonly more: number }
  | { readonly do: 'tick' }
  | { readonly do: 'turns'; readonly count: number };

const who = fc.nat({ max: 5 });
const source = fc.constantFrom('a', 'b');
const partition = fc.nat({ max: 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('append'), partition, source, count: fc.integer({ min: 1, max: 5 }) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('read'),
      partition,
      count: fc.integer({ min: 1, max: 6 }),
      back: fc.nat({ max: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('attach'),
      source,
      back: fc.nat({ max: 8 }),
      isWaitedFor: fc.boolean(),
      isOld: fc.boolean(),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constantFrom('begin', 'detach', 'block', 'unblock', 'taken', 'refused'), who }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('credit'), who, more: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('tick') }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('turns'), count: fc.integer({ min: 1, max: 4 }) }) },
) as fc.Arbitrary<Step>;

interface Modelled {
  readonly receiver: ScriptedReceiver;
  readonly source: string;
  /** Where it was told that it begins. */
  readonly start: readonly number[];
  isGone: boolean;
}

class Model {
  readonly all: Modelled[] = [];
  readonly #log: OutgoingLog;
  readonly #downward: Downward;
  readonly #sources: string[][] = [[], []];
  readonly #read = [0, 0];

  constructor(of: OutgoingLog, over: Downward) {
    this.#log = of;
    this.#downward = over;
  }

  async run(one: Step): Promise<void> {
    switch (one.do) {
      case 'append':
        for (let count = 0; count < one.count; count += 1) this.#append(one.partition, one.source);
        return;
      case 'read':
        return await this.#handOver(one.partition, one.count, one.back);
      case 'attach':
        return await this.#attach(one);
      case 'begin':
      case 'detach':
      case 'block':
      case 'unblock':
      case 'taken':
      case 'refused':
        return this.#to(one.do, this.all[one.who]);
      case 'credit':
        if (this.all[one.who] !== undefined) this.#downward.credit((this.all[one.who] as Modelled).receiver, one.more);
        return;
      case 'tick':
        return this.#downward.tick();
      case 'turns':
        for (let turn = 0; turn < one.count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** All that hindered anybody is over. */
  async settle(): Promise<void> {
    for (const index of [0, 1]) await this.#handOver(index, 1_000, 0);
    for (const one of this.all) for (const how of ['begin', 'unblock'] as const) this.#to(how, one);
    for (let round = 0; round < 60; round += 1) {
      this.#downward.tick();
      for (const { receiver } of this.all) {
        receiver.answer(true);
        this.#downward.credit(receiver, 100);
      }
      for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** What a receiver must have had when it stands at this position: everything of its source from its start on. */
  due({ source: of, start }: Modelled, position: readonly number[]): readonly string[] {
    return this.#sources.flatMap((sources, index) =>
      sources.flatMap((name, offset) =>
        name === of && offset >= (start[index] ?? 0) && offset < (position[index] ?? 0) ? [`${index}/${offset}`] : [],
      ),
    );
  }

  get ends(): readonly number[] {
    return this.#sources.map(({ length }) => length);
  }

  #append(to: number, name: string): void {
    this.#log.append(to, name);
    this.#sources[to]?.push(name);
  }

  async #handOver(from: number, count: number, back: number): Promise<void> {
    const next = this.#read[from] ?? 0;
    const records = this.#log.records[from]?.slice(Math.max(0, next - back), next + count) ?? [];
    this.#read[from] = Math.min(this.ends[from] ?? 0, next + count);
    await this.#downward.handleBatch({ records, signal: NEVER });
  }

  async #attach({ source: of, back, isWaitedFor, isOld }: Step & { do: 'attach' }): Promise<void> {
    if (this.all.length > 5) return;
    const receiver = new ScriptedReceiver(isWaitedFor);
    const known = isOld ? this.#read.slice(0, 1) : this.#read;
    const pos = Object.assign({}, ...known.map((next, index) => at(index, Math.max(0, next - back))));
    const told = await this.#downward.attach(receiver, of, back === 0 ? undefined : { log_epoch: 'log-1', pos });
    if (back > 0 && isOld) expect(told.pos).toMatchObject(at(1, 0));
    this.all.push({ receiver, source: of, start: vectorOf(told.pos), isGone: false });
  }

  #to(how: 'begin' | 'detach' | 'block' | 'unblock' | 'taken' | 'refused', one: Modelled | undefined): void {
    if (one === undefined) return;
    const { receiver } = one;
    if (how === 'begin') this.#downward.begin(receiver);
    else if (how === 'taken' || how === 'refused') receiver.answer(how === 'taken');
    else if (how !== 'detach') receiver.canTake = how === 'unblock';
    else {
      one.isGone = true;
      this.#downward.detach(receiver);
    }
  }
}

function vectorOf(pos: Readonly<Record<string, number>>): readonly number[] {
  return [0, 1].map((index) => pos[`pmc.messages.outgoing/${index}`] ?? 0);
}

function byPlace(a: string, b: string): number {
  const [first = 0, second = 0] = [a, b].map((id) => Number(id.split('/')[0]) * 1_000 + Number(id.split('/')[1]));
  return first - second;
}

test('whatever happens, a receiver gets all from its position on, once and in order, and is told no position too high', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60 }), async (steps) => {
      const topic = await OutgoingLog.open(2);
      const model = new Model(topic, topic.downward(BEGINNING));
      for (const one of steps) await model.run(one);
      await model.settle();
      for (const one of model.all) {
        const { got, positions } = one.receiver;
        // In the order of each partition, and nothing twice.
        for (const index of [0, 1]) {
          const own = got.filter((id) => id.startsWith(`${index}/`));
          expect(own).toEqual([...new Set(own)].toSorted(byPlace));
        }
        positions.forEach((position, number) => {
          const had = new Set(got.slice(0, number + 1));
          expect(model.due(one, vectorOf(position)).filter((id) => !had.has(id))).toEqual([]);
        });
        if (!one.isGone) expect(got.toSorted(byPlace)).toEqual(model.due(one, model.ends));
      }
    }),
    { numRuns: 300 },
  );
});
