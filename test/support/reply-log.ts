// The topic of replies of an audited system, as the commands service fills it: effects, replies on the log, and what the outbox says of them.
import { randomUUID } from 'node:crypto';
import type { OutgoingLog } from '../../consumers/gap-detector/outgoing-log.ts';
import { lookAtReplies } from '../../consumers/gap-detector/reply-ledgers.ts';
import type { Appender } from '../../kafka/log.ts';
import { derivedUuid } from '../../schemas/event-key.ts';
import type { Dispatch } from '../../schemas/generated.ts';
import { TOPIC } from '../../schemas/topics.ts';
import type { AuditedSystem } from './audited-system.ts';
import { newTopicThere } from './new-topic.ts';

export class ReplyLog implements AsyncDisposable {
  readonly topic: string;
  readonly #system: AuditedSystem;
  readonly #appender: Appender;
  readonly #partitions: number;

  static async create(system: AuditedSystem, partitions: number): Promise<ReplyLog> {
    const log = new ReplyLog(system, partitions);
    await system.servers.topics.create(log.topic, partitions);
    return log;
  }

  private constructor(system: AuditedSystem, partitions: number) {
    this.#system = system;
    this.#appender = system.servers.openAppender();
    this.#partitions = partitions;
    this.topic = system.names.incoming.replace('incoming', 'outgoing');
  }

  /** A command had its effect then; returns its event key. */
  async effect(atMs: number, eventKey: string = randomUUID()): Promise<string> {
    await this.#system.pool.query(
      `insert into effects (event_key, kind, target, status, created_at, received_at) values ($1, 'reply', 's', 'done', $2, $2)`,
      [eventKey, new Date(atMs)],
    );
    return eventKey;
  }

  /** Its reply on the log, made then, and sent as the outbox says. */
  async reply(eventKey: string, partition: number, createdAt: number): Promise<string> {
    const { codec, clock } = this.#system.servers;
    const replyId = derivedUuid('reply', eventKey, 'ping');
    const about = { source: 's', connection: 'c', chat: null, inReplyTo: null, command: 'ping', content: 'pong' };
    const dispatch: Dispatch = { replyId, ...about, eventKey, createdAt };
    const value = codec.encode(TOPIC.outgoing, dispatch);
    // Retention goes by the time of a record.
    const record = { key: 's', value, headers: {}, timestampMs: clock.nowMs() };
    const answer = await this.#appender.append({ topic: this.topic, partition }, [record]);
    if (answer.outcome !== 'acked') throw new Error(answer.outcome);
    await this.#system.pool.query(
      `insert into outbox (reply_id, topic, partition, key, value, created_at, sent_at, sent_offset) values ($1, $2, $3, 's', $4, $5, $5, $6)`,
      [replyId, this.topic, partition, value, new Date(createdAt), String(answer.baseOffset)],
    );
    return replyId;
  }

  async cut(partition: number, offset: bigint): Promise<void> {
    await this.#system.servers.topics.deleteRecordsBefore({ topic: this.topic, partition }, offset);
  }

  async recreate(): Promise<void> {
    const { admin, topics } = this.#system.servers;
    const [before] = await admin.topics([this.topic]);
    await topics.delete([this.topic]);
    await topics.create(this.topic, this.#partitions);
    await newTopicThere(admin, this.topic, before?.incarnation);
  }

  /** The verdicts of both stages, and what is found. */
  async look(log: OutgoingLog, nowMs: number): Promise<string> {
    const { servers, pool, names, incarnation } = this.#system;
    const { admin, ranges, codec } = servers;
    const topics = { incoming: { topic: names.incoming, incarnation }, outgoing: this.topic };
    const { stages, findings } = await lookAtReplies({ admin, ranges, codec, pool }, log, topics, nowMs);
    return [...stages.map(({ verdict }) => verdict), ...findings.map(({ eventKey }) => eventKey)].join(' ');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#appender.stop();
  }
}
