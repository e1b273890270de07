// The parts of a reader that one assignment joins, over a log that a test changes under them: the broker's answers are scripted.
import { pino } from 'pino';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import type { Batch, LogAdmin, Offset, OffsetGap, TopicPartition } from '../log.ts';
import { Reading } from '../reading.ts';
import type { AssignedLanes } from './assigned-lanes.ts';
import { AssignedReading } from './assigned-reading.ts';
import type { BatchConsumer } from './batch-consumer.ts';
import type { FetchAnswer } from './fetch-answer.ts';
import { Fetching } from './fetching.ts';
import { storedBytes } from './stored-batches.testing.ts';

type FetchRequest = Parameters<BatchConsumer['fetchStored']>[0];

const OF: TopicPartition = { topic: 't', partition: 0 };
const ID = 'an-id';
const RECORDS_AT_ONCE = 10;
const BATCH_RECORDS_MAX = 5;
const logger = pino({ level: 'silent' });

let log: { begin: number; end: number };
let scripted: { metadata: unknown; fetchStored: (request: FetchRequest) => Promise<FetchAnswer> };
vi.mock('./batch-consumer.ts', () => ({
  BatchConsumer: class {
    metadata = () => Promise.resolve(scripted.metadata);
    fetchStored = (request: FetchRequest) => scripted.fetchStored(request);
    close = () => Promise.resolve();
  },
}));

function answer({ topics: [topic] }: FetchRequest): FetchAnswer {
  const position = Number(topic?.partitions[0]?.fetchOffset);
  const isOutside = position < log.begin || position > log.end;
  const count = isOutside ? 0 : Math.min(RECORDS_AT_ONCE, log.end - position);
  const contents = Array.from({ length: count }, () => ({ value: Buffer.from('v'), timestamp: 1n }));
  const stored = count === 0 ? Buffer.alloc(0) : storedBytes(contents, { baseOffset: BigInt(position) });
  const highWatermark = BigInt(isOutside ? -1 : log.end);
  const partition = { partitionIndex: 0, errorCode: isOutside ? 1 : 0, highWatermark, abortedTransactions: [], stored };
  return { errorCode: 0, responses: [{ topicId: ID, partitions: [partition] }] };
}

let committedBefore: ReadonlyMap<number, Offset>;
let handle: (batch: Batch) => Promise<void>;
let commit: (next: Offset) => Promise<void>;
let handled: Offset[];
let committed: Offset[];
let gaps: OffsetGap[];
let reading: Reading;
let current: AssignedReading;
let ended: Promise<void> | undefined;
let lanes: AssignedLanes | undefined;

beforeEach(() => {
  log = { begin: 0, end: 30 };
  const metadata = { topics: new Map([[OF.topic, { id: ID, partitions: [{ leader: 1 }] }]]) };
  scripted = {
    metadata,
    fetchStored: async (request) => {
      await new Promise((resolve) => setImmediate(resolve));
      return answer(request);
    },
  };
  committedBefore = new Map();
  [handled, committed, gaps] = [[], [], []];
  handle = () => Promise.resolve();
  commit = () => Promise.resolve();
});

afterEach(async () => {
  reading.stop();
  await ended;
});

function start(): void {
  const admin: Pick<LogAdmin, 'topics' | 'committed' | 'ends'> = {
    topics: async () => [{ topic: OF.topic, incarnation: ID, partitions: [] }],
    committed: async () => committedBefore,
    ends: async () => {
      const [logStart, highWatermark] = [BigInt(log.begin), BigInt(log.end)];
      return new Map([[OF.partition, { logStart, lastStable: highWatermark, highWatermark }]]);
    },
  };
  const options = { groupId: 'g', topics: [OF.topic], batchRecordsMax: BATCH_RECORDS_MAX, admin, logger };
  reading = new Reading({
    ...options,
    async handleBatch(batch) {
      await handle(batch);
      if (!batch.signal.aborted) handled.push(...batch.records.map(({ offset }) => offset));
    },
    onGap: (gap) => gaps.push(gap),
    onFatal: () => undefined,
  });
  reading.assign([OF]);
  const { assignment } = reading;
  if (assignment === undefined) throw new Error('nothing is assigned');
  const fetching = new Fetching({
    ...{ brokers: [], clientId: 'c', logger },
    ends: admin.ends,
    onProgress: () => undefined,
  });
  const commits = {
    commit: async (_of: TopicPartition, next: Offset) => {
      await commit(next);
      committed.push(next);
      return true;
    },
  };
  const run: Fetching['run'] = (task) => {
    lanes = task.lanes;
    return fetching.run(task);
  };
  const wake = (): void => fetching.wake();
  current = new AssignedReading({ reading, assignment, fetching: { run, wake }, commits, logger });
  ended = current.run();
}

function seek(offset: Offset): void {
  reading.seek(OF, offset);
  current.seek(OF, offset);
}

function offsets(lower: number, upper: number): readonly Offset[] {
  return Array.from({ length: upper - lower }, (_, index) => BigInt(lower + index));
}

async function untilCommitted(next: Offset): Promise<void> {
  await vi.waitFor(() => expect(committed.at(-1)).toBe(next), { timeout: 20_000 });
}

test('row 13 · of a log that ends before what the group has committed all is handed over, and the jump back is told', async () => {
  committedBefore = new Map([[0, 1_000n]]);
  let failures = 0;
  handle = async () => {
    failures += 1;
    if (failures === 1) throw new Error('not now');
  };
  start();
  await untilCommitted(30n);
  expect(handled).toEqual(offsets(0, 30));
  expect(gaps).toEqual([{ ...OF, expected: 1_000n, got: 0n }]);
});

test('row 13 · so is all that such a log has left where retention has begun', async () => {
  committedBefore = new Map([[0, 1_000n]]);
  log = { begin: 7, end: 30 };
  start();
  await untilCommitted(30n);
  expect(handled).toEqual(offsets(7, 30));
  expect(gaps).toEqual([{ ...OF, expected: 1_000n, got: 7n }]);
});

test('row 13 · a seek behind the end of a log is over when it has gone back to the beginning, and said so', async () => {
  start();
  await untilCommitted(30n);
  seek(1_000n);
  await vi.waitFor(() => expect(handled).toHaveLength(60), { timeout: 20_000 });
  await untilCommitted(30n);
  expect(handled).toEqual([...offsets(0, 30), ...offsets(0, 30)]);
  expect(gaps).toEqual([{ ...OF, expected: 1_000n, got: 0n }]);
  expect(reading.sought).toEqual([]);
});

test('a partition that is left alone after an error is asked for again in its time, also behind a clock that is set back', async () => {
  committedBefore = new Map([[0, 1_000n]]);
  const { fetchStored } = scripted;
  const wallClock = Date.now;
  onTestFinished(() => void vi.restoreAllMocks());
  scripted.fetchStored = async (request) => {
    const answered = await fetchStored(request);
    // Behind what has been refused, before it is asked for again.
    setImmediate(() => vi.spyOn(Date, 'now').mockImplementation(() => wallClock() - 3_600_000));
    return answered;
  };
  start();
  await untilCommitted(30n);
});

test.for(['handled', 'committed'])(
  'row 13 · what is being %s when the log becomes shorter does not move it on',
  async (step) => {
    const [entered, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const hold = async (isIt: boolean): Promise<void> => {
      if (!isIt) return;
      entered.resolve();
      await released.promise;
    };
    if (step === 'handled') handle = ({ records }) => hold(records[0]?.offset === 20n);
    else commit = (next) => hold(next === 25n);
    start();
    await entered.promise;
    const { length } = handled;
    [handle, commit] = [() => Promise.resolve(), () => Promise.resolve()];
    log = { begin: 0, end: 12 };
    await vi.waitFor(() => expect(gaps).toEqual([{ ...OF, expected: 20n, got: 0n }]), { timeout: 20_000 });
    released.resolve();
    await untilCommitted(12n);
    expect(handled).toEqual([...offsets(0, length), ...offsets(0, 12)]);
    expect(gaps).toHaveLength(1);
  },
);

test('a group that has committed nothing begins where the log does, and that is no gap', async () => {
  log = { begin: 7, end: 30 };
  start();
  await untilCommitted(30n);
  expect(handled).toEqual(offsets(7, 30));
  expect(gaps).toEqual([]);
});

test('a handler that pauses its partition and throws is not called again before that is resumed', async () => {
  let calls = 0;
  handle = async () => {
    calls += 1;
    if (calls > 1) return;
    reading.pause([OF]);
    throw new Error('not now');
  };
  start();
  await vi.waitFor(() => expect([calls > 0, lanes?.all[0]?.isHandling]).toEqual([true, false]), { timeout: 20_000 });
  expect([calls, handled]).toEqual([1, []]);
  reading.resume([OF]);
  current.wake();
  await untilCommitted(30n);
  expect(handled).toEqual(offsets(0, 30));
});
