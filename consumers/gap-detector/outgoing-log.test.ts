import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { RangeEntry } from '../../kafka/log.ts';
import type { Dispatch } from '../../schemas/generated.ts';
import { OutgoingLog, type OutgoingTools } from './outgoing-log.ts';

const idOf = (number: number): string => `00000000-0000-8000-8000-${String(number).padStart(12, '0')}`;

/** A topic of one partition whose records say which reply they are and what its text is, and an outbox. */
class Outgoing {
  readonly records: string[] = [];
  readonly outbox = new Map<string, string>();
  asked: readonly string[][] = [];
  /** The reading fails at this offset, once. */
  failsAt: number | undefined;
  isDatabaseAway = false;

  get tools(): OutgoingTools {
    const ends = () => {
      const end = BigInt(this.records.length);
      return Promise.resolve(new Map([[0, { logStart: 0n, lastStable: end, highWatermark: end }]]));
    };
    const decode = (_topic: string, value: Buffer | null) => {
      const [replyId = '', content = ''] = String(value).split(' ');
      const dispatch = { replyId, content, eventKey: replyId, source: 's', createdAt: 5 } as Dispatch;
      return Promise.resolve({ ok: true, value: dispatch });
    };
    const query = ({ values: [ids] }: { values: [string[]] }) => {
      this.asked = [...this.asked, ids];
      if (this.isDatabaseAway) return Promise.reject(new Error('the database is away'));
      const rows = ids.flatMap((id) => {
        const sent = this.outbox.get(id);
        return sent === undefined ? [] : [{ reply_id: id, hash: createHash('sha256').update(sent).digest('hex') }];
      });
      return Promise.resolve({ rows });
    };
    const ranges = { read: (_from: unknown, lower: bigint, upper: bigint) => this.#read(Number(lower), Number(upper)) };
    return { admin: { ends }, codec: { decode }, pool: { query }, ranges } as unknown as OutgoingTools;
  }

  async *#read(lower: number, upper: number): AsyncGenerator<readonly RangeEntry[]> {
    for (let offset = lower; offset < upper; offset += 1) {
      if (offset === this.failsAt) {
        this.failsAt = undefined;
        throw new Error('the broker is away');
      }
      const value = Buffer.from(this.records[offset] ?? '');
      const record = {
        topic: 't',
        partition: 0,
        offset: BigInt(offset),
        value,
        key: null,
        headers: {},
        timestampMs: 0,
      };
      yield await Promise.resolve([{ kind: 'record', record, leaderEpoch: 0 }]);
    }
  }
}

test('a reply is altered where the outbox has sent another one under its id, and nowhere else', async () => {
  const outgoing = new Outgoing();
  outgoing.records.push(`${idOf(1)} pong`, `${idOf(2)} Pong`, `${idOf(3)} pong`, 'no-id pong');
  for (const one of [1, 2]) outgoing.outbox.set(idOf(one), `${idOf(one)} pong`);
  const log = new OutgoingLog();
  await log.read(outgoing.tools, 't');
  expect(log.replies.map(({ replyId, isAltered }) => [replyId, isAltered])).toEqual([
    [idOf(1), false],
    [idOf(2), true],
    [idOf(3), false],
    ['no-id', false],
  ]);
  // The database would refuse to look for it.
  expect(outgoing.asked.flat()).toEqual([idOf(1), idOf(2), idOf(3)]);
});

test('what was read before a failure is not read again', async () => {
  const outgoing = new Outgoing();
  outgoing.records.push(...[1, 2, 3].map((one) => `${idOf(one)} pong`));
  const log = new OutgoingLog();
  outgoing.failsAt = 2;
  await expect(log.read(outgoing.tools, 't')).rejects.toThrow('the broker is away');
  outgoing.isDatabaseAway = true;
  await expect(log.read(outgoing.tools, 't')).rejects.toThrow('the database is away');
  outgoing.isDatabaseAway = false;
  await log.read(outgoing.tools, 't');
  await log.read(outgoing.tools, 't');
  expect(log.replies.map(({ offset }) => offset)).toEqual([0, 1, 2]);
});
