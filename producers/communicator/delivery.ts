// Replies from pmc.messages.outgoing to the source that asked. At least once: the offset is committed after the socket has
// taken the frame, so a crash in between sends it again; the same reply id seen again by this process is dropped and
// counted. A reply waits while its source is away (and those behind it in the partition with it).
import type { Codec } from '../../kafka/codec.ts';
import type { Batch, LogRecord } from '../../kafka/log.ts';
import type { Dispatch } from '../../schemas/generated.ts';
import { TOPIC } from '../../schemas/topics.ts';
import type { Logger } from '../../service/logger.ts';
import type { CommunicatorMetrics } from './metrics.ts';
import type { SourceLink } from './source-link.ts';

const REMEMBERED_MAX = 10_000;

export interface DeliveryOptions {
  readonly codec: Codec;
  readonly links: ReadonlyMap<string, SourceLink>;
  readonly logger: Logger;
  readonly metrics: CommunicatorMetrics;
}

/** The reply as a frame in the shape of a chat message; `metadata.pmc` marks it as ours, so that it is never a command. */
export function replyFrame(dispatch: Dispatch): string {
  const createdAt = new Date(dispatch.createdAt);
  return JSON.stringify({
    event: 'message',
    id: dispatch.replyId,
    // A time beyond what a date can hold must not hold up every reply behind it.
    timestamp: Number.isNaN(createdAt.getTime()) ? null : createdAt.toISOString(),
    sender: 'pmc',
    chat: dispatch.chat,
    message_type: 'text',
    content: dispatch.content,
    metadata: { pmc: true, command: dispatch.command, in_reply_to: dispatch.inReplyTo },
  });
}

export class Delivery {
  readonly #options: DeliveryOptions;
  /** Reply ids delivered by this process, oldest first; bounded. */
  readonly #delivered = new Set<string>();
  deliveredTotal = 0;

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  async handleBatch({ records, signal }: Batch): Promise<void> {
    for (const record of records) {
      if (signal.aborted) throw new Error('the assignment was lost before all replies were delivered');
      await this.#deliver(record, signal);
    }
  }

  async #deliver(record: LogRecord, signal: AbortSignal): Promise<void> {
    const { codec, links, logger, metrics } = this.#options;
    const { topic, partition, offset } = record;
    const where = { topic, partition, offset: String(offset) };
    const decoded = await codec.decode(TOPIC.outgoing, record.value);
    if (!decoded.ok) {
      // Of the registry, not of the record: it can be put right, and the reply waits until it is.
      if (decoded.error.code === 'PMC_SCHEMA_ID_REUSED') throw decoded.error;
      metrics.deliveries.inc({ outcome: 'undecodable' });
      logger.error({ ...where, error: decoded.error.message }, 'communicator.reply.undecodable');
      return;
    }
    const dispatch = decoded.value;
    const { replyId, source } = dispatch;
    if (this.#delivered.has(replyId)) {
      metrics.deliveries.inc({ outcome: 'duplicate' });
      return;
    }
    const link = links.get(source);
    if (link === undefined) {
      metrics.deliveries.inc({ outcome: 'unknown-source' });
      logger.warn({ ...where, replyId, source }, 'communicator.reply.undeliverable');
      return;
    }
    const frame = replyFrame(dispatch);
    do {
      await link.opened(signal);
      if (signal.aborted) throw new Error('the assignment was lost before a reply was delivered');
    } while (!(await link.send(frame)));
    this.#remember(replyId);
    this.deliveredTotal += 1;
    metrics.deliveries.inc({ outcome: 'delivered' });
  }

  #remember(replyId: string): void {
    this.#delivered.add(replyId);
    if (this.#delivered.size <= REMEMBERED_MAX) return;
    const [oldest] = this.#delivered;
    if (oldest !== undefined) this.#delivered.delete(oldest);
  }
}
