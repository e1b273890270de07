// A record of the outgoing topic as a dispatch. One that says nothing is counted and named, and holds up nobody.
import type { Codec } from '../../kafka/codec.ts';
import type { LogRecord } from '../../kafka/log.ts';
import type { Dispatch } from '../../schemas/generated.ts';
import { TOPIC } from '../../schemas/topics.ts';
import type { Logger } from '../../service/logger.ts';
import type { CommunicatorMetrics } from './metrics.ts';

export type OutgoingDecoder = (record: LogRecord) => Promise<Dispatch | undefined>;

export function outgoingDecoder(
  codec: Pick<Codec, 'decode'>,
  logger: Logger,
  metrics: Pick<CommunicatorMetrics, 'deliveries'>,
): OutgoingDecoder {
  return async ({ topic, partition, offset, value }) => {
    const decoded = await codec.decode(TOPIC.outgoing, value);
    if (decoded.ok) return decoded.value;
    // Of the registry, not of the record: it can be put right, and the dispatch waits until it is.
    if (decoded.error.code === 'PMC_SCHEMA_ID_REUSED') throw decoded.error;
    metrics.deliveries.inc({ outcome: 'undecodable' });
    const where = { topic, partition, offset: String(offset) };
    logger.error({ ...where, error: decoded.error.message }, 'communicator.reply.undecodable');
    return undefined;
  };
}
