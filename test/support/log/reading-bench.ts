// What a test of readers needs beside them, all of it past the proxies: topics with numbered records, and groups to look into. It
// keeps the readers that it opened, and stops what a failed test left running.
import { randomUUID } from 'node:crypto';
import { openAdmin } from '../../../kafka/connect.ts';
import type { Appender, LogAdmin, TopicPartition } from '../../../kafka/log.ts';
import { numbered } from './append-ledger.ts';
import { appenderUnderTest, type ClientName } from './clients-under-test.ts';
import type { CommitRecorder } from './commit-recorder.ts';
import type { KafkaCluster } from './kafka-cluster.ts';
import { type Handled, judgeReads, type ReadVerdict } from './read-verdict.ts';
import { type ProcessRecording, ReaderMember } from './reader-member.ts';
import { type Recording, type RecordingReader, recordingReader } from './recording-reader.ts';

/** Long enough for a member that vanished to be replaced on a busy machine. */
export const WAIT = { timeout: 120_000, interval: 50 };

const RECORDS_AT_ONCE = 500;

type Opening = Omit<Recording, 'client' | 'brokers'>;

export class ReadingBench {
  readonly admin: LogAdmin;
  readonly #client: ClientName;
  readonly #cluster: KafkaCluster;
  readonly #commits: CommitRecorder;
  readonly #appender: Appender;
  readonly #appended = new Map<string, number>();
  readonly #opened: RecordingReader[] = [];
  readonly #members: ReaderMember[] = [];

  constructor(client: ClientName, cluster: KafkaCluster, commits: CommitRecorder) {
    this.#commits = commits;
    this.#client = client;
    this.#cluster = cluster;
    this.admin = openAdmin({ config: { brokers: cluster.direct }, clientId: 'test-bench' });
    this.#appender = appenderUnderTest('kafkajs', cluster.direct);
  }

  /** What retention does: the log begins here. */
  async deleteBefore({ topic, partition }: TopicPartition, offset: bigint): Promise<void> {
    const topics = [{ name: topic, partitions: [{ partition, offset }] }];
    await this.#cluster.ask((admin) => admin.deleteRecords({ topics }));
  }

  groupId(): string {
    return `test-${randomUUID()}`;
  }

  /** Opens a reader of the client under test, through the proxies. */
  async open(opening: Opening): Promise<RecordingReader> {
    const { brokers } = this.#cluster;
    const opened = await recordingReader({ client: this.#client, brokers, ...opening });
    this.#opened.push(opened);
    return opened;
  }

  /** Appends this many further records, numbered on from the last: on a topic with nothing else on it a number is an offset. */
  async append(to: TopicPartition, count: number): Promise<void> {
    const lane = `${to.topic}-${to.partition}`;
    const from = this.#appended.get(lane) ?? 0;
    for (let done = 0; done < count; done += RECORDS_AT_ONCE) {
      const length = Math.min(RECORDS_AT_ONCE, count - done);
      const records = Array.from({ length }, (_, index) => numbered(to, from + done + index));
      let { outcome } = await this.#appender.append(to, records);
      // While brokers come and go: appended again, which may leave copies.
      while (outcome === 'unknown') ({ outcome } = await this.#appender.append(to, records));
      if (outcome === 'rejected') throw new Error(`the records for ${lane} were rejected`);
    }
    this.#appended.set(lane, from + count);
  }

  /** What the group did with the whole topic. */
  async judge(topic: string, groupId: string, handled: readonly Handled[]): Promise<ReadVerdict> {
    const ends = [...(await this.admin.ends(topic))];
    const bounds = new Map(
      ends.map(([number, { logStart, lastStable }]) => [number, { begin: logStart, end: lastStable }]),
    );
    return judgeReads(handled, await this.#commits.commits(groupId, topic, this.admin), bounds);
  }

  /** Starts a member in a process of its own. */
  startMember(opening: Omit<ProcessRecording, 'client' | 'brokers'>): ReaderMember {
    const member = new ReaderMember({ client: this.#client, brokers: this.#cluster.brokers, ...opening });
    this.#members.push(member);
    return member;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#members.map((one) => one.kill()));
    await Promise.all(this.#opened.map((one) => one.stop()));
    await Promise.all([this.#appender.stop(), this.admin.stop()]);
  }
}
