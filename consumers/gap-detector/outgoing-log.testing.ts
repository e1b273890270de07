// A topic of replies in memory, cut or made again as a test wants, and an outbox.
import { createHash } from 'node:crypto';
import type { RangeEntry, TopicPartition } from '../../kafka/log.ts';
import type { Dispatch } from '../../schemas/generated.ts';
import type { OutgoingTools } from './outgoing-log.ts';

export const idOf = (number: number): string => `00000000-0000-8000-8000-${String(number).padStart(12, '0')}`;

/** A record says which reply it is, what its text is, and when it was made. */
export function written(replyId: string, content = 'pong', createdAt = 5): string {
  return `${replyId} ${content} ${createdAt}`;
}

export class Outgoing {
  incarnation = 'first';
  /** By partition. */
  readonly records: string[][];
  /** What lies below has left the log, by partition. */
  readonly logStarts: number[];
  /** What was sent under an id. */
  readonly outbox = new Map<string, string>();
  /** What the outbox says of below an offset: what it has forgotten, and the newest that it has. */
  sentBelow: { readonly forgotten: Date | null; readonly newest: Date | null } = { forgotten: null, newest: null };
  /** The newest that the outbox has sent to a topic of before, whenever it is asked. */
  sentToFormer: Date | null = null;
  readonly asked: (readonly string[])[] = [];
  /** The reading fails at this offset, once. */
  failsAt: number | undefined;
  isDatabaseAway = false;

  constructor(partitions = 1) {
    this.records = Array.from({ length: partitions }, () => []);
    this.logStarts = this.records.map(() => 0);
  }

  get tools(): OutgoingTools {
    const topics = () => Promise.resolve([{ topic: 't', incarnation: this.incarnation, partitions: [] }]);
    const ends = () => {
      const at = (lane: readonly string[], partition: number) => {
        const end = BigInt(lane.length);
        return [
          partition,
          { logStart: BigInt(this.logStarts[partition] ?? 0), lastStable: end, highWatermark: end },
        ] as const;
      };
      return Promise.resolve(new Map(this.records.map(at)));
    };
    const decode = (_topic: string, value: Buffer | null) => {
      const [replyId = '', content = '', createdAt = ''] = String(value).split(' ');
      if (replyId === '') return Promise.resolve({ ok: false });
      const dispatch = { replyId, content, eventKey: replyId, source: 's', createdAt: Number(createdAt) } as Dispatch;
      return Promise.resolve({ ok: true, value: dispatch });
    };
    const query = ({ name, values }: { name: string; values: [string[]] }) => {
      if (this.isDatabaseAway) return Promise.reject(new Error('the database is away'));
      const rows: Record<string, () => unknown[]> = {
        'audit-database-time': () => [{ now: '2026-01-20 00:00:00Z' }],
        'audit-sent-to-former': () => [{ newest: this.sentToFormer }],
        'audit-sent-below': () => [this.sentBelow],
        'audit-sent-replies': () => this.#hashes(values[0]),
      };
      return Promise.resolve({ rows: rows[name]?.() });
    };
    const read = (from: TopicPartition, lower: bigint, upper: bigint) => this.#read(from, Number(lower), Number(upper));
    return {
      ...{ admin: { ends, topics }, codec: { decode }, pool: { query }, ranges: { read } },
    } as unknown as OutgoingTools;
  }

  #hashes(ids: readonly string[]) {
    this.asked.push(ids);
    return ids.flatMap((id) => {
      const sent = this.outbox.get(id);
      return sent === undefined ? [] : [{ reply_id: id, hash: createHash('sha256').update(sent).digest('hex') }];
    });
  }

  async *#read(at: TopicPartition, lower: number, upper: number): AsyncGenerator<readonly RangeEntry[]> {
    for (let offset = lower; offset < upper; offset += 1) {
      if (offset === this.failsAt) {
        this.failsAt = undefined;
        throw new Error('the broker is away');
      }
      const value = Buffer.from(this.records[at.partition]?.[offset] ?? '');
      const record = { ...at, offset: BigInt(offset), value, key: null, headers: {}, timestampMs: 0 };
      yield await Promise.resolve([{ kind: 'record', record, leaderEpoch: 0 }]);
    }
  }
}
