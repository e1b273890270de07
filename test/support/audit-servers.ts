// What an audit needs to look at the servers of the test run, or at a scratch database on them.
import { inject } from 'vitest';
import type { DrillServers } from '../../consumers/gap-detector/drill/drill.ts';
import { Codec } from '../../kafka/codec.ts';
import { openAdmin, openAppender, openRangeReader } from '../../kafka/connect.ts';
import { ScratchTopics } from '../../kafka/scratch-topics.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { systemClock } from '../../service/clock.ts';
import { createLogger } from '../../service/logger.ts';

export interface AuditServers extends DrillServers, AsyncDisposable {}

export async function auditServers(databaseUrl: string = inject('databaseUrl')): Promise<AuditServers> {
  const logger = createLogger('test', 'silent');
  const config = { brokers: inject('brokers'), appenderClient: 'kafkajs', readerClient: 'kafkajs' } as const;
  const clients = { config, clientId: 'test-audit', logger };
  const [admin, ranges] = [openAdmin(clients), openRangeReader(clients)];
  const topics = new ScratchTopics(config, 'test-audit');
  const codec = new Codec(inject('registryUrl'));
  await codec.prepare(Object.values(TOPIC));
  return {
    ...{
      admin,
      ranges,
      openAppender: () => openAppender(clients),
      topics,
      codec,
      databaseUrl,
      logger,
      clock: systemClock,
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([admin.stop(), ranges.stop(), topics.stop()]);
    },
  };
}
