// The clients that the contract is for, opened as a service opens them.
import { openAppender } from '../../../kafka/connect.ts';
import type { Appender } from '../../../kafka/log.ts';
import { createLogger } from '../../../service/logger.ts';

export const CLIENTS = ['kafkajs', 'platformatic'] as const;
export type ClientName = (typeof CLIENTS)[number];

export const logger = createLogger('test', process.env['PMC_TEST_LOG'] === 'on' ? 'debug' : 'silent');

export function appenderUnderTest(client: ClientName, brokers: readonly string[]): Appender {
  return openAppender({ config: { brokers, appenderClient: client }, clientId: 'test', logger });
}
