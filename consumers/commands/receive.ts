// The commands among the records of a batch, each event once.
import type { Codec } from '../../kafka/codec.ts';
import type { Batch, LogRecord, Offset } from '../../kafka/log.ts';
import { derivedUuid, eventKey } from '../../schemas/event-key.ts';
import type { IncomingEvent } from '../../schemas/generated.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { isRetriable } from '../../service/errors.ts';
import type { Logger } from '../../service/logger.ts';
import { parseEvent } from './command.ts';
import { type Request, requestOf } from './decide.ts';
import type { Declarations } from './external/declaration.ts';
import type { CommandsMetrics } from './metrics.ts';
import { persevere } from './persevere.ts';
import { countedAs, type Limit } from './rules.ts';

/** What a date can hold. */
const LATEST_DATE_MS = 8_640_000_000_000_000;

export interface Received {
  readonly event: IncomingEvent;
  readonly eventKey: string;
  readonly request: Request;
  readonly offset: Offset;
  /** What its answer is counted under for limits: the command and who sent it where. */
  readonly limitKey: string;
  readonly limits: readonly Limit[];
}

export interface ReceiveDeps {
  readonly codec: Pick<Codec, 'decode'>;
  readonly declarations: Declarations;
  readonly logger: Logger;
  readonly metrics: Pick<CommandsMetrics, 'handled' | 'suppressed' | 'retried'>;
  /** The registry did not answer (a reason) or did (undefined). */
  readonly onDependency: (name: 'registry', problem: string | undefined) => void;
}

export async function receive(batch: Batch, deps: ReceiveDeps): Promise<readonly Received[]> {
  const commands = new Map<string, Received>();
  for (const record of batch.records) {
    const event = await decode(record, batch.signal, deps);
    const parsed = event === undefined ? undefined : parseEvent(event);
    if (event === undefined || parsed === undefined || parsed.kind === 'not-a-command') continue;
    if (parsed.kind === 'own-reply') {
      deps.metrics.handled('unknown', 'own');
      continue;
    }
    const request = requestOf(parsed.command, deps.declarations);
    const key = eventKey(event, event.payload, parsed.timestamp);
    if (commands.has(key)) repeated(request, deps.metrics);
    else {
      const keyOf = (label: string): string => derivedUuid('limit', ...countedAs(event), label);
      const limits = request.limits.map(({ labels, perMinute }) => ({ keys: labels.map(keyOf), perMinute }));
      const receivedAt = Math.min(Math.max(event.receivedAt, 0), LATEST_DATE_MS);
      commands.set(key, {
        ...{ event: { ...event, receivedAt }, eventKey: key, request, offset: record.offset },
        ...{ limitKey: keyOf(request.label), limits },
      });
    }
  }
  return [...commands.values()];
}

/** The same event again: a resend, or a replay. It has its effect already. */
export function repeated({ label }: Request, metrics: Pick<CommandsMetrics, 'handled' | 'suppressed'>): void {
  metrics.handled(label, 'repeated');
  metrics.suppressed('reply');
}

async function decode(record: LogRecord, signal: AbortSignal, deps: ReceiveDeps): Promise<IncomingEvent | undefined> {
  const { codec, logger, metrics, onDependency } = deps;
  const decoded = await persevere(() => codec.decode(TOPIC.incoming, record.value), {
    step: 'decode',
    signal,
    logger,
    isPassing: isRetriable,
    onRetry: () => {
      metrics.retried();
      onDependency('registry', 'the schema registry does not answer');
    },
  });
  onDependency('registry', undefined);
  if (decoded.ok) return decoded.value;
  // Of the registry, not of the record: it can be put right, and the command waits until it is.
  if (decoded.error.code === 'PMC_SCHEMA_ID_REUSED') throw decoded.error;
  // Not lost: the same record is in persistence's hands, which quarantines it.
  logger.debug(
    { partition: record.partition, offset: String(record.offset), code: decoded.error.code },
    'commands.record.undecodable',
  );
  metrics.handled('unknown', 'undecodable');
  return undefined;
}
