// Fills the two topics of the store benchmark with the same events in the same places: ours as the communicator writes them, the
// peer's as finished rows. Recorded frames, each with an id of its own.
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { toRow } from '../consumers/persistence/rows.ts';
import { Accumulator } from '../kafka/accumulator.ts';
import { Codec } from '../kafka/codec.ts';
import { openAdmin, openAppender } from '../kafka/connect.ts';
import { partitionFor } from '../kafka/partitioner.ts';
import { TOPIC } from '../schemas/topics.ts';
import { createLogger } from '../service/logger.ts';
import { eventOfFrame } from '../test/support/incoming-events.ts';
import { rowJson } from './connect/row-json.ts';
import type { ScratchServers } from './scratch-servers.ts';

const RECORDED = new URL('../test/data/chaos-socket-frames.jsonl', import.meta.url);
const RECORDS_PER_TURN = 500;

export interface Filled {
  readonly incarnation: string;
  /** Records by partition. */
  readonly records: ReadonlyMap<number, bigint>;
  readonly bytes: { readonly ours: number; readonly peer: number };
}

export async function fillTopics({ addresses }: ScratchServers, peerTopic: string, count: number): Promise<Filled> {
  const logger = createLogger('bench', 'warn');
  const clients = {
    config: { brokers: addresses.brokers, appenderClient: 'platformatic' },
    clientId: 'pmc-bench',
    logger,
  } as const;
  const admin = openAdmin(clients);
  const appender = openAppender(clients);
  const codec = new Codec(addresses.registryUrl);
  await codec.prepare([TOPIC.incoming]);
  const [topic] = await admin.topics([TOPIC.incoming]);
  if (topic === undefined) throw new Error('the topic is missing');
  const limits = { batchRecordsMax: 500, batchBytesMax: 524_288, bytesMax: 33_554_432, recordBytesMax: 1_048_588 };
  const accumulator = new Accumulator({ appender, logger, ...limits });
  const templates = await recordedFrames();
  const records = new Map<number, bigint>();
  const bytes = { ours: 0, peer: 0 };
  let acked = 0;
  const append = (to: string, partition: number, key: string | null, value: Buffer, timestampMs: number): void => {
    const record = { key, value, headers: {}, timestampMs };
    void accumulator.append({ topic: to, partition }, record).then(({ outcome }) => {
      if (outcome === 'acked') acked += 1;
    });
  };
  for (let index = 0; index < count; index += 1) {
    const event = eventAt(templates, index);
    const key = event.chat ?? event.actor ?? event.source;
    const partition = partitionFor(key, topic.partitions.length);
    const offset = records.get(partition) ?? 0n;
    records.set(partition, offset + 1n);
    const { incarnation } = topic;
    const made = toRow(event, { incarnation, partition, offset, timestampMs: event.receivedAt });
    if (!made.ok) throw made.error;
    const ours = codec.encode(TOPIC.incoming, event);
    const peers = rowJson(made.row);
    bytes.ours += ours.length;
    bytes.peer += peers.length;
    append(TOPIC.incoming, partition, key, ours, event.receivedAt);
    append(peerTopic, partition, key, peers, event.receivedAt);
    if (accumulator.full) await accumulator.drained();
    else if ((index + 1) % RECORDS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await accumulator.flush();
  if (acked !== 2 * count) throw new Error(`${acked} of ${2 * count} records were acknowledged`);
  await appender.stop();
  await admin.stop();
  return { incarnation: topic.incarnation, records, bytes };
}

/** Every pass over the recording has ids of its own, so that what refers to a message refers to one of the same pass. */
function eventAt(templates: readonly (readonly string[])[], index: number) {
  const parts = templates[index % templates.length] ?? [];
  const pass = Math.floor(index / templates.length);
  return { ...eventOfFrame(parts.join(`_${pass}`), index + 1), receivedAt: Date.now() };
}

/** Recorded frames with an id, cut behind each id. */
async function recordedFrames(): Promise<readonly (readonly string[])[]> {
  const frames: string[][] = [];
  for await (const line of createInterface({ input: createReadStream(RECORDED) })) {
    const { frame } = JSON.parse(line) as { frame: string };
    if (frame.includes('"id":"')) frames.push(frame.split(/(?<="(?:message_)?id":"[^"]+)(?=")/));
  }
  return frames;
}
