// The table of what clients do wrong against the tests: nothing is called held that no test shows, and the suite's own instruments
// are shown what they must find.
import { describe, expect, test } from 'vitest';
import type { AppendOutcome } from '../kafka/log.ts';
import { type Attempt, judgeAppends, NONE } from './support/log/append-verdict.ts';
import { CLIENTS } from './support/log/clients-under-test.ts';
import { HAZARDS, NOT_APPLICABLE_MAX, rowsShown } from './support/log/hazards.ts';
import { Frames, requestHead, withOfferedVersions } from './support/log/kafka-frames.ts';
import { withProduceError } from './support/log/produce-frames.ts';
import { parseStored, type StoredRecord } from './support/log/stored-record.ts';
import { projectFiles } from './support/project-files.ts';

describe('the table of hazards', () => {
  const tests = projectFiles().filter(({ path }) => path.endsWith('.test.ts') && path !== 'test/hazards.test.ts');
  const shown = rowsShown(tests);

  test.for(CLIENTS)('has a test for every row that %s is said to hold, and says held where there is one', (client) => {
    const held = HAZARDS.filter(({ standing }) => standing[client] === 'held').map(({ number }) => number);
    expect([...shown[client]].sort((a, b) => a - b)).toEqual(held);
  });

  test('calls few rows not applicable', () => {
    const rows = HAZARDS.filter(({ standing }) =>
      CLIENTS.some((client) => typeof standing[client] === 'object' && 'notApplicable' in standing[client]),
    );
    expect(rows.length).toBeLessThanOrEqual(NOT_APPLICABLE_MAX);
  });

  test('counts a test for the clients that it is for', () => {
    const both = {
      path: 'test/a.test.ts',
      text: "describe.for(CLIENTS)('%s', () => {\n  test('row 3 · it holds', () => {\n  test('row 8 · only platformatic: it holds', () => {",
    };
    const one = {
      path: 'test/b.test.ts',
      text: "test('row 4 · kafkajs holds', () => {\ntest('row 5 · it holds', () => {",
    };
    const other = { path: 'kafka/platformatic/c.test.ts', text: "test('row 6 · it holds', () => {" };
    const neutral = { path: 'kafka/d.test.ts', text: "test('row 7 · it holds', () => {" };
    expect(rowsShown([both, one, other, neutral])).toEqual({
      kafkajs: new Set([3, 4, 7]),
      platformatic: new Set([3, 6, 7, 8]),
    });
  });
});

describe('the verdict on appends', () => {
  const to = { topic: 't', partition: 0 };
  const at = (offset: number, number: number, partition = 0): StoredRecord => ({
    partition,
    offset: BigInt(offset),
    timestampMs: 0,
    headers: '',
    key: 'k',
    value: `t/${partition}/${number} ...`,
  });
  const attempt = (number: number, outcome: AppendOutcome | number): Attempt => ({
    to,
    ids: [`t/0/${number}`],
    outcome: typeof outcome === 'number' ? { outcome: 'acked', baseOffset: BigInt(outcome) } : outcome,
  });
  const UNKNOWN = { outcome: 'unknown', error: new Error('lost') } as unknown as AppendOutcome;

  test('finds nothing where all is well, gaps in the offsets included', () => {
    const found = judgeAppends([attempt(0, 0), attempt(1, 5)], [at(0, 0), at(5, 1)]);
    expect(found).toEqual({ violations: NONE, acked: 2, unknown: 0, copies: 0, overtaken: [] });
  });

  test.for<[string, readonly Attempt[], readonly StoredRecord[], Partial<typeof NONE>]>([
    ['a hole', [attempt(0, 0), attempt(1, 1)], [at(0, 0)], { missing: ['t/0/1'] }],
    ['a record beside its offset', [attempt(0, 7)], [at(0, 0)], { misplaced: ['t/0/0'] }],
    ['a second copy that nobody spoke of', [attempt(0, 0)], [at(0, 0), at(1, 0)], { repeated: ['t/0/0'] }],
    ['an order that was turned', [attempt(0, 1), attempt(1, 0)], [at(0, 1), at(1, 0)], { disordered: ['t/0/0'] }],
    ['an unknown that was left', [attempt(0, UNKNOWN)], [at(0, 0)], { unsettled: ['t/0/0'] }],
    ['a record that nobody appended', [attempt(0, 0)], [at(0, 0), at(1, 9)], { invented: ['t/0/9'] }],
    ['a record on another partition', [attempt(0, 0)], [at(0, 0), at(0, 0, 1)], { invented: ['t/1/0'] }],
  ])('finds %s', ([, attempts, stored, violations]) => {
    expect(judgeAppends(attempts, stored).violations).toEqual({ ...NONE, ...violations });
  });

  test('lets a record be there twice, and late, when an outcome of it was unknown, and counts it', () => {
    const attempts = [attempt(0, UNKNOWN), attempt(1, 1), attempt(0, 2)];
    expect(judgeAppends(attempts, [at(0, 0), at(1, 1), at(2, 0)])).toEqual({
      violations: NONE,
      acked: 2,
      unknown: 1,
      copies: 1,
      overtaken: ['t/0/0'],
    });
  });
});

describe('the frames that a proxy tells apart', () => {
  const int16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);
  const frame = (...parts: readonly Buffer[]): Buffer => {
    const body = Buffer.concat(parts);
    return Buffer.concat([Buffer.from([0, 0, 0, body.length]), body]);
  };
  const CORRELATION = Buffer.from([0, 0, 0, 7]);

  test('are whole however the stream is cut', () => {
    const stream = Buffer.concat([frame(int16(0), int16(9), CORRELATION), frame(int16(3), int16(1), CORRELATION)]);
    for (let size = 1; size <= stream.length; size += 1) {
      const frames = new Frames();
      const found: Buffer[] = [];
      for (let at = 0; at < stream.length; at += size) found.push(...frames.push(stream.subarray(at, at + size)));
      expect(found.map(requestHead)).toEqual([
        { apiKey: 0, apiVersion: 9, correlationId: 7 },
        { apiKey: 3, apiVersion: 1, correlationId: 7 },
      ]);
    }
  });

  test('refuse what is no frame', () => {
    expect(() => new Frames().push(Buffer.from('HTTP/1.1 400'))).toThrow(RangeError);
  });

  test.for([
    ['old', 7, [...CORRELATION, 0, 0, 0, 1, 0, 1, 116, 0, 0, 0, 2], Array<number>(24).fill(1), []],
    ['compact', 11, [...CORRELATION, 0, 2, 2, 116, 3], [...Array<number>(24).fill(1), 1, 0, 0], [0]],
  ] as const)(
    'of a Produce have the error code of each partition where the %s form has it',
    ([, version, before, rest, tags]) => {
      const answer = (error: number): Buffer => {
        const partition = (index: number, code: number): readonly number[] => [0, 0, 0, index, 0, code, ...rest];
        return frame(
          Buffer.from([...before, ...partition(5, 0), ...partition(6, error), ...tags, 0, 0, 0, 0, ...tags]),
        );
      };
      expect(
        withProduceError(answer(0), version, 45, ({ topic, partition }) => topic === 't' && partition === 6),
      ).toEqual(answer(45));
    },
  );

  test.for([
    ['old', 1, [0, 0, 0, 0, 0, 2], []],
    ['compact', 3, [0, 0, 3], [0]],
  ] as const)('of an ApiVersions have their ranges where the %s form has them', ([, version, before, tags]) => {
    const entry = (...range: readonly number[]): Buffer => Buffer.from([...range.flatMap((one) => [0, one]), ...tags]);
    const answer = frame(CORRELATION, Buffer.from(before), entry(0, 3, 11), entry(1, 4, 17));
    const expected = frame(CORRELATION, Buffer.from(before), entry(0, 3, 11), entry(1, 90, 99));
    expect(withOfferedVersions(answer, version, 1, [90, 99])).toEqual(expected);
  });
});

test('a line of the console consumer is a record, a warning is none', () => {
  expect(parseStored('CreateTime:12\tPartition:3\tOffset:45\tnumber:7\tkey-3\tt/3/7 ..')).toEqual({
    timestampMs: 12,
    partition: 3,
    offset: 45n,
    headers: 'number:7',
    key: 'key-3',
    value: 't/3/7 ..',
  });
  expect(parseStored('[2026-01-01 00:00:00] WARN something')).toBeUndefined();
});
