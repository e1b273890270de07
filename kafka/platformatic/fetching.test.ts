// The fetches of one assignment from a broker whose answers are scripted.
import { ResponseError } from '@platformatic/kafka';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { PartitionEnds } from '../log.ts';
import { AssignedLanes } from './assigned-lanes.ts';
import type { BatchConsumer } from './batch-consumer.ts';
import type { FetchAnswer } from './fetch-answer.ts';
import { Fetching } from './fetching.ts';
import { storedBytes } from './stored-batches.testing.ts';

type FetchRequest = Parameters<BatchConsumer['fetchStored']>[0];
type MetadataOptions = Parameters<BatchConsumer['metadata']>[0];
interface Told {
  readonly errorCode?: number;
  readonly stored?: Buffer;
}

const [TOPIC, ID] = ['t', 'an-id'];
const [FETCH, VERSION] = [1, 17];
const [OFFSET_OUT_OF_RANGE, NOT_LEADER] = [1, 6];
const HOUR_MS = 3_600_000;
const ENDS = { logStart: 0n, lastStable: 30n, highWatermark: 30n };
const NOTHING: Told = {};

let scripted: {
  metadata: (options: MetadataOptions) => Promise<unknown>;
  fetchStored: (request: FetchRequest) => Promise<FetchAnswer>;
};
vi.mock('./batch-consumer.ts', () => ({
  BatchConsumer: class {
    metadata = (options: MetadataOptions) => scripted.metadata(options);
    fetchStored = (request: FetchRequest) => scripted.fetchStored(request);
    close = () => Promise.resolve();
  },
}));

let leaders: readonly number[];
/** What the broker says of a partition from an offset on. */
let tell: (partition: number, offset: number) => Told;
let ends: () => Promise<PartitionEnds>;
let asked: FetchRequest[];
let handedOver: string[];
let warnings: string[];
let shortened: string[];
let lanes: AssignedLanes;
let over: AbortController;
let ended: Promise<void> | undefined;

function records(offset: number): Told {
  return { stored: storedBytes([{ value: Buffer.from('v'), timestamp: 1n }], { baseOffset: BigInt(offset) }) };
}

/** Every partition has one record. */
function oneRecord(_partition: number, offset: number): Told {
  return offset === 0 ? records(0) : NOTHING;
}

/** As the library tells it: an error where anything was refused. */
async function answer(request: FetchRequest): Promise<FetchAnswer> {
  asked.push(request);
  const partitions = (request.topics[0]?.partitions ?? []).map(({ partition, fetchOffset }) => ({
    ...{
      partitionIndex: partition,
      errorCode: 0,
      highWatermark: 30n,
      abortedTransactions: [],
      stored: Buffer.alloc(0),
    },
    ...tell(partition, Number(fetchOffset)),
  }));
  const isQuiet = partitions.every(({ errorCode, stored }) => errorCode === 0 && stored.length === 0);
  await new Promise((resolve) => setTimeout(resolve, isQuiet ? 20 : 1));
  const told = { errorCode: 0, responses: [{ topicId: ID, partitions }] };
  const code = partitions.find(({ errorCode }) => errorCode !== 0)?.errorCode;
  if (code !== undefined) throw new ResponseError(FETCH, VERSION, { '/responses/0/partitions/0': [code, null] }, told);
  return told;
}

function sessionError(code: number): Error {
  return new ResponseError(FETCH, VERSION, { '/': [code, null] }, { errorCode: code, responses: [] });
}

/** As the library remembers it. */
function rememberedMetadata(): (options: MetadataOptions) => Promise<unknown> {
  let known: { readonly topics: ReadonlyMap<string, unknown>; readonly lastUpdate: number } | undefined;
  return async ({ forceUpdate, metadataMaxAge = 300_000 }) => {
    if (forceUpdate === true || known === undefined || known.lastUpdate < Date.now() - metadataMaxAge) {
      const partitions = leaders.map((leader) => ({ leader }));
      known = { topics: new Map([[TOPIC, { id: ID, partitions }]]), lastUpdate: Date.now() };
    }
    return known;
  };
}

function start(): void {
  const logger = pino(
    { level: 'warn' },
    { write: (line) => void warnings.push((JSON.parse(line) as { msg: string }).msg) },
  );
  lanes = new AssignedLanes(leaders.map((_, partition) => ({ of: { topic: TOPIC, partition }, position: 0n })));
  const fetching = new Fetching({
    ...{ brokers: [], clientId: 'c', logger, onProgress: () => undefined },
    ends: async (_topic, [partition = 0]) => new Map([[partition, await ends()]]),
  });
  ended = fetching.run({
    ...{ lanes, incarnations: new Map([[TOPIC, ID]]), signal: over.signal, isHeld: () => false },
    onFetched: ({ of }, { first }) => handedOver.push(`${of.partition}:${first}`),
    onShortened: async ({ of }, begin) => void shortened.push(`${of.partition}:${begin}`),
    onRecreated: () => undefined,
  });
}

/** How often a partition was refused. */
function refusals(): number {
  return warnings.filter((one) => one === 'kafka.reader.fetch.refused').length;
}

/** Everybody's clocks, from now on. */
function setClocks(wallMs: number, steadyMs: number): void {
  const [wall, steady] = [Date.now.bind(Date), performance.now.bind(performance)];
  vi.spyOn(Date, 'now').mockImplementation(() => wall() + wallMs);
  vi.spyOn(performance, 'now').mockImplementation(() => steady() + steadyMs);
}

beforeEach(() => {
  leaders = [1, 1];
  tell = oneRecord;
  ends = () => Promise.resolve(ENDS);
  scripted = { metadata: rememberedMetadata(), fetchStored: answer };
  [asked, handedOver, warnings, shortened, over] = [[], [], [], [], new AbortController()];
});

afterEach(async () => {
  over.abort();
  await ended;
  vi.restoreAllMocks();
});

test.for<[string, Told]>([
  ['was refused', { errorCode: OFFSET_OUT_OF_RANGE }],
  ['cannot be read', { stored: Buffer.alloc(100, 1) }],
])(
  'a partition that %s is fetched again when its time has come, also where the wall clock was set back',
  async ([, first]) => {
    let isFirst = true;
    tell = (partition, offset) => (partition === 0 && isFirst ? first : oneRecord(partition, offset));
    start();
    await vi.waitFor(() => expect(warnings).toHaveLength(1), { timeout: 20_000 });
    isFirst = false;
    setClocks(-HOUR_MS, 5_000);
    await vi.waitFor(() => expect(handedOver.toSorted()).toEqual(['0:0', '1:0']), { timeout: 10_000 });
  },
);

test('who leads a partition is asked again when what is known is old, also where the wall clock was set back', async () => {
  leaders = [1, -1];
  start();
  await vi.waitFor(() => expect(handedOver).toEqual(['0:0']), { timeout: 20_000 });
  leaders = [1, 1];
  setClocks(-HOUR_MS, 5_000);
  await vi.waitFor(() => expect(handedOver).toEqual(['0:0', '1:0']), { timeout: 10_000 });
});

test('a partition that was refused holds up no other one, though nobody can say what is wrong with it', async () => {
  tell = (partition, offset) =>
    partition === 0 ? { errorCode: OFFSET_OUT_OF_RANGE } : offset < 5 ? records(offset) : NOTHING;
  ends = () => Promise.reject(new Error('no answer'));
  start();
  await vi.waitFor(() => expect(refusals()).toBe(2), { timeout: 20_000 });
  expect(handedOver).toEqual(['1:0', '1:1', '1:2', '1:3', '1:4']);
  expect(warnings).not.toContain('kafka.reader.fetch.failed');
  // Each from where the one before ended: nothing that came is fetched a second time.
  const offsets = asked
    .flatMap(({ topics }) => topics.flatMap(({ partitions }) => partitions))
    .filter(({ partition, fetchOffset }) => partition === 1 && fetchOffset < 5n);
  expect(offsets.map(({ fetchOffset }) => fetchOffset)).toEqual([0n, 1n, 2n, 3n, 4n]);
});

test.for<[string, number]>([
  ['where its log begins', OFFSET_OUT_OF_RANGE],
  ['whether its topic is another', NOT_LEADER],
])('a partition that was refused holds up no other one while nobody answers %s', async ([, errorCode]) => {
  const { metadata } = scripted;
  const unanswered = (): Promise<never> => new Promise(() => undefined);
  ends = unanswered;
  scripted.metadata = (options) => (refusals() > 0 && options.forceUpdate === true ? unanswered() : metadata(options));
  tell = (partition, offset) => (partition === 0 ? { errorCode } : offset < 5 ? records(offset) : NOTHING);
  start();
  await vi.waitFor(() => expect(handedOver).toEqual(['1:0', '1:1', '1:2', '1:3', '1:4']), { timeout: 20_000 });
  expect(warnings).toEqual(['kafka.reader.fetch.refused']);
});

test.for<[string, (question: PromiseWithResolvers<PartitionEnds>) => void]>([
  ['a log that begins later', ({ resolve }) => resolve({ ...ENDS, logStart: 10n })],
  ['a log that has become shorter', ({ resolve }) => resolve({ ...ENDS, highWatermark: 3n })],
  ['nothing', ({ reject }) => reject(new Error('no answer'))],
])('a partition that is sought while it is asked about is read there, though the answer is %s', async ([, settle]) => {
  const question = Promise.withResolvers<PartitionEnds>();
  ends = () => question.promise;
  const seekable = [5, 6].map(records);
  tell = (partition, offset) =>
    partition === 1 ? NOTHING : offset < 5 ? { errorCode: OFFSET_OUT_OF_RANGE } : (seekable[offset - 5] ?? NOTHING);
  start();
  await vi.waitFor(() => expect(refusals()).toBe(1), { timeout: 20_000 });
  lanes.moveTo({ topic: TOPIC, partition: 0 }, 5n);
  await vi.waitFor(() => expect(handedOver).toEqual(['0:5', '0:6']), { timeout: 20_000 });
  settle(question);
  const { length } = asked;
  await vi.waitFor(() => expect(asked.length).toBeGreaterThan(length + 3), { timeout: 20_000 });
  expect(lanes.all[0]).toMatchObject({ position: 7n, notBeforeMs: 0, moves: 1 });
  expect(shortened).toEqual([]);
});

test('of a partition that is refused once more where it was sought one question is open at a time', async () => {
  let questions = 0;
  let question = Promise.withResolvers<PartitionEnds>();
  ends = () => {
    questions += 1;
    return question.promise;
  };
  tell = (partition) => (partition === 0 ? { errorCode: OFFSET_OUT_OF_RANGE } : NOTHING);
  start();
  await vi.waitFor(() => expect(refusals()).toBe(1), { timeout: 20_000 });
  lanes.moveTo({ topic: TOPIC, partition: 0 }, 50n);
  await vi.waitFor(() => expect(refusals()).toBe(3), { timeout: 20_000 });
  expect(questions).toBe(1);
  const first = question;
  question = Promise.withResolvers();
  first.resolve(ENDS);
  await vi.waitFor(() => expect(questions).toBe(2), { timeout: 20_000 });
  question.resolve(ENDS);
  await vi.waitFor(() => expect(shortened[0]).toBe('0:0'), { timeout: 20_000 });
});

test('an answer that comes after the assignment was lost moves nothing', async () => {
  const question = Promise.withResolvers<PartitionEnds>();
  ends = () => question.promise;
  tell = (partition) => (partition === 0 ? { errorCode: OFFSET_OUT_OF_RANGE } : NOTHING);
  start();
  await vi.waitFor(() => expect(refusals()).toBe(1), { timeout: 20_000 });
  over.abort();
  await ended;
  question.resolve({ ...ENDS, logStart: 10n });
  await new Promise((resolve) => setImmediate(resolve));
  expect(lanes.all[0]).toMatchObject({ position: 0n, moves: 0 });
});

test.for([70, 71, 106])('a fetch session that is out of step (code %s) is begun anew at once', async (code) => {
  let isOutOfStep = false;
  let outOfStep = 0;
  tell = (partition, offset) => (partition === 0 ? { errorCode: OFFSET_OUT_OF_RANGE } : oneRecord(partition, offset));
  scripted.fetchStored = async (request) => {
    if (isOutOfStep) {
      isOutOfStep = false;
      outOfStep += 1;
      throw sessionError(code);
    }
    // A refusal is an error to the library, which does not count it as an answer of its session.
    return await answer(request).catch((error: unknown) => {
      isOutOfStep = true;
      throw error;
    });
  };
  start();
  await vi.waitFor(() => expect(outOfStep).toBe(3), { timeout: 20_000 });
  expect(warnings).not.toContain('kafka.reader.fetch.failed');
  expect(handedOver).toEqual(['1:0']);
});

test('a fetch that is out of step twice has failed', async () => {
  scripted.fetchStored = () => Promise.reject(sessionError(71));
  start();
  await vi.waitFor(() => expect(warnings).toContain('kafka.reader.fetch.failed'), { timeout: 20_000 });
  scripted.fetchStored = answer;
  await vi.waitFor(() => expect(handedOver.toSorted()).toEqual(['0:0', '1:0']), { timeout: 20_000 });
});
