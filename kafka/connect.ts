// The one place that chooses clients: what rooms import to reach the log.
import type { ConfigOf } from '../service/config.ts';
import type { PmcError } from '../service/errors.ts';
import type { Logger } from '../service/logger.ts';
import type { kafkaSettings } from './config.ts';
import { kafkajsAppender } from './kafkajs/appender.ts';
import { startKafkajsReader } from './kafkajs/reader.ts';
import type { Appender, LogAdmin, RangeReader, Reader, ReaderOptions } from './log.ts';
import { platformaticAdmin } from './platformatic/admin.ts';
import { platformaticRangeReader } from './platformatic/range-reader.ts';

export type KafkaConfig = ConfigOf<typeof kafkaSettings>;

export interface LogClients {
  readonly config: Pick<KafkaConfig, 'brokers'>;
  /** Shows in the broker's logs and in group descriptions. */
  readonly clientId: string;
  readonly logger: Logger;
}

export function openAppender({ config, clientId, logger }: LogClients): Appender {
  return kafkajsAppender({ brokers: config.brokers, clientId, logger });
}

export async function openReader(
  { config, clientId, logger }: LogClients,
  options: ReaderOptions & { readonly admin: LogAdmin; onFatal(error: PmcError): void },
): Promise<Reader> {
  return await startKafkajsReader({ ...options, brokers: config.brokers, clientId, logger });
}

export function openAdmin({ config, clientId }: Omit<LogClients, 'logger'>): LogAdmin {
  return platformaticAdmin({ brokers: config.brokers, clientId });
}

export function openRangeReader({ config, clientId }: Omit<LogClients, 'logger'>): RangeReader {
  return platformaticRangeReader({ brokers: config.brokers, clientId });
}
