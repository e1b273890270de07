// One broker of a test's own behind a proxy, with the product's topics, and what is needed around a communicator that is killed
// again and again: tokens, dispatches, and a group that forgets the dead at once.
import { randomUUID } from 'node:crypto';
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { ensureTopics } from '../../../kafka/bootstrap.ts';
import { Codec } from '../../../kafka/codec.ts';
import { openAppender } from '../../../kafka/connect.ts';
import type { Appender } from '../../../kafka/log.ts';
import { readGroup } from '../../../producers/communicator/spool/group-body.ts';
import { SpoolFile } from '../../../producers/communicator/spool/spool-file.ts';
import { GROUP, TOPIC } from '../../../schemas/topics.ts';
import { createPool } from '../../../service/database.ts';
import { createLogger } from '../../../service/logger.ts';
import { createToken } from '../../../service/token-store.ts';
import { freePorts } from '../free-ports.ts';
import { KafkaCluster } from '../log/kafka-cluster.ts';
import { CommunicatorProcess } from './communicator-process.ts';
import type { LogOfRun, SpooledFrame } from './crash-verdict.ts';
import { LogContent } from './log-content.ts';

const logger = createLogger('test', 'silent');
const PARTITIONS = 6;
const GROUPS_MAX = 100_000;

export class GatewayBench {
  readonly cluster: KafkaCluster;
  readonly communicator: CommunicatorProcess;
  readonly content: LogContent;
  readonly #folder: string;
  readonly #appender: Appender;
  readonly #codec: Codec;
  readonly #instance: string;
  #dispatched = 0;

  static async start(environment: Readonly<Record<string, string>> = {}): Promise<GatewayBench> {
    const cluster = await KafkaCluster.start(inject('artifacts'), 1);
    await ensureTopics({ brokers: cluster.direct });
    const codec = new Codec(inject('registryUrl'));
    await codec.prepare([TOPIC.outgoing]);
    const [gatewayPort = 0, healthPort = 0] = await freePorts(2);
    return new GatewayBench(cluster, codec, { gatewayPort, healthPort }, environment);
  }

  private constructor(
    cluster: KafkaCluster,
    codec: Codec,
    ports: { readonly gatewayPort: number; readonly healthPort: number },
    environment: Readonly<Record<string, string>>,
  ) {
    this.cluster = cluster;
    this.#codec = codec;
    this.#folder = mkdtempSync(join(tmpdir(), 'pmc-gateway-'));
    this.#instance = 'bench';
    this.content = new LogContent(cluster.direct, inject('registryUrl'));
    const config = { brokers: cluster.direct, appenderClient: 'platformatic' } as const;
    this.#appender = openAppender({ config, clientId: 'test-dispatches', logger });
    this.communicator = new CommunicatorProcess({
      ...{ folder: this.#folder, instance: this.#instance, ...ports },
      environment: {
        PMC_KAFKA_BROKERS: cluster.brokers.join(','),
        PMC_REGISTRY_URL: inject('registryUrl'),
        DATABASE_URL: inject('databaseUrl'),
        PMC_USER_RATE: '100000',
        PMC_USER_BURST: '100000',
        ...environment,
      },
    });
  }

  /** A token of role user; the source of its events is `user:SUBJECT`. */
  async token(subject: string): Promise<string> {
    const pool = createPool(inject('databaseUrl'), logger, 1);
    try {
      const wanted = { subject, role: 'user', expiresInMs: undefined, note: undefined } as const;
      return (await createToken(pool, wanted)).token;
    } finally {
      await pool.end();
    }
  }

  /** Puts a dispatch for a source on the log; returns its reply id when it is there. */
  async dispatch(source: string): Promise<string> {
    this.#dispatched += 1;
    const replyId = randomUUID();
    const about = { replyId, source, connection: null, chat: source, inReplyTo: null, eventKey: randomUUID() };
    const content = `dispatch ${this.#dispatched}`;
    const value = this.#codec.encode(TOPIC.outgoing, { ...about, command: 'ping', content, createdAt: Date.now() });
    const to = { topic: TOPIC.outgoing, partition: this.#dispatched % PARTITIONS };
    const record = { key: source, value, headers: {}, timestampMs: Date.now() };
    const answer = await this.#appender.append(to, [record]);
    if (answer.outcome !== 'acked') throw answer.error;
    return replyId;
  }

  /** What a broker does when the session of a dead member has timed out, at once: nobody has to wait for it. */
  async forgetTheDead(): Promise<void> {
    for (const groupId of [GROUP.communicator, `${GROUP.communicator}.${this.#instance}`]) {
      await this.cluster.ask((admin) => admin.removeMembersFromConsumerGroup({ groupId })).catch(() => undefined);
    }
  }

  /** What lies in the spool of the process that has ended. */
  spooled(): readonly SpooledFrame[] {
    const { spoolFile } = this.communicator;
    if (!existsSync(spoolFile)) return [];
    const copy = join(mkdtempSync(join(this.#folder, 'copy-')), 'spool.sqlite');
    for (const end of ['', '-wal', '-shm']) {
      if (existsSync(`${spoolFile}${end}`)) copyFileSync(`${spoolFile}${end}`, `${copy}${end}`);
    }
    const file = new SpoolFile(copy);
    const groups = file.read(0, GROUPS_MAX);
    file.close();
    return groups.flatMap(({ body }) =>
      body === undefined
        ? []
        : readGroup(body).map(({ receipt, frame }) => ({
            gatewayEpoch: receipt.gatewayEpoch,
            ingestSeq: receipt.ingestSeq,
            text: frame.bytes.toString('utf8'),
          })),
    );
  }

  /** All that is on the log now. The claims first: what they claim must then be there. */
  async log(): Promise<LogOfRun> {
    const sources = [...(await this.content.read(TOPIC.sources))];
    const rejected = [...(await this.content.read(TOPIC.rejected))];
    const incoming = [...(await this.content.read(TOPIC.incoming))];
    return { sources, rejected, incoming, positions: new Map(this.content.positions) };
  }

  async stop(): Promise<void> {
    await this.communicator.end('SIGKILL');
    await Promise.all([this.#appender.stop(), this.content.stop()]);
    await this.cluster.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
