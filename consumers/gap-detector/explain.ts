// `pmc audit explain`: finds a message by its id, its event key, its place on the log or the id of the reply to it, and asks log, rows,
// effects and replies what became of it. Reads only.
import type { Codec } from '../../kafka/codec.ts';
import type { LogAdmin, RangeEntry, RangeReader, TopicDescription, TopicPartition } from '../../kafka/log.ts';
import { UUID } from '../../schemas/event-key.ts';
import type { EventKind, IncomingEvent } from '../../schemas/generated.ts';
import { TOPIC } from '../../schemas/topics.ts';
import type { Clock } from '../../service/clock.ts';
import type { Pool } from '../../service/database.ts';
import { PmcError } from '../../service/errors.ts';
import { settledOf } from './bounded-audit.ts';
import type { BucketRange, Classified } from './classify.ts';
import { commandStandingOf } from './command-ledger.ts';
import { derivedKey } from './derived-columns.ts';
import { payloadHash } from './digest.ts';
import { answersOf, commandOfReply, effectOf, NO_ANSWERS } from './explain-replies.ts';
import { bookedFindings } from './findings-book.ts';
import { classifyNow } from './judge-partition.ts';
import { type Life, type LifeFacts, lifeOf } from './life.ts';
import { RECEIVED_HEADER } from './log-side.ts';
import { storedSide } from './stored-side.ts';

export interface ExplainTools {
  readonly admin: LogAdmin;
  readonly ranges: Pick<RangeReader, 'read'>;
  readonly codec: Codec;
  readonly pool: Pool;
  readonly clock: Clock;
}

interface Place {
  readonly partition: number;
  readonly offset: bigint;
}

const PLACE = /^(?:(.+)-)?(\d+)@(\d+)$/;
const PLACES_MAX = 20;

/** One life for each record that the id names; empty where nothing is known of it. */
export async function explain(
  tools: ExplainTools,
  asked: string,
  onProgress: (text: string) => void = () => undefined,
): Promise<readonly Life[]> {
  const [topic] = (await tools.admin.topics([TOPIC.incoming])) as [TopicDescription];
  const places = await placesOf(tools, topic, asked, onProgress);
  const settled = await settledOf(tools, topic);
  const lives: Life[] = [];
  for (const place of places) lives.push(lifeOf(await factsOf(tools, topic, place, settled)));
  return lives;
}

async function placesOf(
  tools: ExplainTools,
  topic: TopicDescription,
  asked: string,
  onProgress: (text: string) => void,
): Promise<readonly Place[]> {
  const [, named, partition, offset] = PLACE.exec(asked) ?? [];
  if (partition !== undefined && offset !== undefined && (named ?? topic.topic) === topic.topic) {
    if (!topic.partitions.some((one) => one.partition === Number(partition))) {
      const message = `partition ${topic.topic}-${partition} does not exist: there are ${topic.partitions.length}`;
      throw new PmcError('PMC_USAGE', message, { asked });
    }
    return [{ partition: Number(partition), offset: BigInt(offset) }];
  }
  // A key is one in any letters; a source's own ids are what they are, also where they look like one.
  const isKey = UUID.test(asked.toLowerCase());
  const { rows } = await tools.pool.query<{ partition: number; record_offset: string; kind: EventKind | null }>(
    isKey
      ? `select partition, record_offset, kind from message_metadata where (id = $1::uuid or event_id = $3) and incarnation = $2
         union select partition, record_offset, null from duplicates where id = $1::uuid and incarnation = $2 limit ${PLACES_MAX}`
      : `select partition, record_offset, kind from message_metadata where event_id = $1 and incarnation = $2 limit ${PLACES_MAX}`,
    isKey ? [asked, topic.incarnation, asked] : [asked, topic.incarnation],
  );
  const stored = rows.map((row) => ({ partition: row.partition, offset: BigInt(row.record_offset) }));
  // That a reply has arrived is stored under the reply's own id: it is told of with the command.
  if (rows.some(({ kind }) => kind !== 'delivered')) return stored;
  const book = await bookedFindings(tools.pool, { isAll: true, id: asked });
  const booked = book.flatMap(({ finding }) => {
    const isHere = finding.incarnation === topic.incarnation && finding.partition !== undefined;
    return isHere && finding.offset !== undefined
      ? [{ partition: finding.partition as number, offset: BigInt(finding.offset) }]
      : [];
  });
  if (booked.length > 0) return booked.slice(0, PLACES_MAX);
  const command = isKey ? await commandOfReply(tools, asked, onProgress) : undefined;
  if (command !== undefined) return await placesOf(tools, topic, command, onProgress);
  if (stored.length > 0) return stored;
  return await scan(tools, topic, asked, onProgress);
}

/** Neither a row nor a finding names it: the log is read from its beginning. */
async function scan(
  { admin, ranges, codec }: ExplainTools,
  { topic }: TopicDescription,
  asked: string,
  onProgress: (text: string) => void,
): Promise<readonly Place[]> {
  const found: Place[] = [];
  for (const [partition, { logStart, lastStable }] of await admin.ends(topic)) {
    onProgress(`no row has this id; reading ${topic}-${partition}`);
    for await (const entries of ranges.read({ topic, partition }, logStart, lastStable)) {
      for (const entry of entries) {
        if (entry.kind !== 'record' || found.length >= PLACES_MAX) continue;
        const decoded = await codec.decode(TOPIC.incoming, entry.record.value);
        if (!decoded.ok) continue;
        const isAsked = decoded.value.id === asked || derivedKey(decoded.value) === asked.toLowerCase();
        if (isAsked) found.push({ partition, offset: entry.record.offset });
      }
    }
  }
  return found;
}

async function factsOf(
  tools: ExplainTools,
  { topic, incarnation }: TopicDescription,
  { partition, offset }: Place,
  settled: ReadonlyMap<number, bigint>,
): Promise<LifeFacts> {
  const { pool } = tools;
  const range = { topic, partition, incarnation, lower: offset, upper: offset + 1n };
  const read = await readOne(tools, range, offset);
  const { rows } = await pool.query<RowColumns>(
    `select id, event_id, kind, type, raw_payload::text as payload, created_at, received_at, gateway_epoch, ingest_seq, stream, stream_epoch, seq from message_metadata
     where incarnation = $1 and partition = $2 and record_offset = $3`,
    [incarnation, partition, String(offset)],
  );
  const [row] = rows;
  const { event } = read;
  const judged = read.entries && (await classifyNow({ ...tools, ranges: asRead(read.entries) }, range));
  const eventKey = event === undefined ? (row?.id ?? null) : derivedKey(event);
  const said = await bookedFindings(pool, {
    ...{ isAll: false, place: { topic, incarnation, partition, offset: Number(offset) } },
  });
  const { stream, streamEpoch, seq } = event ?? countedIn(row);
  const effect = await effectOf(tools, eventKey);
  const receivedAtMs = event?.receivedAt ?? row?.received_at.getTime() ?? null;
  const asked = event ?? (row && { kind: row.kind, type: row.type, payload: Buffer.from(row.payload) });
  const command =
    effect !== null || asked === undefined || eventKey === null || receivedAtMs === null
      ? null
      : await commandStandingOf(
          tools,
          { topic, incarnation },
          { partition, offset, eventKey, receivedAtMs, storedAtMs: row?.created_at.getTime() ?? receivedAtMs },
          asked,
        );
  // A reply says that a command was handled, also where its effect is gone: the database may be an older one, put back.
  const mayBeAnswered = effect !== null || (command !== null && command !== 'own-reply');
  const answers = eventKey !== null && mayBeAnswered ? await answersOf(tools, eventKey, effect) : NO_ANSWERS;
  return {
    place: { topic, partition, offset: Number(offset) },
    id: event?.id ?? row?.event_id ?? null,
    eventKey,
    counted: stream && streamEpoch && seq !== null ? { stream, streamEpoch, seq } : null,
    gateway: gatewayOf(event, row),
    receivedAtMs,
    log: read.log,
    row:
      row === undefined
        ? null
        : { storedAtMs: row.created_at.getTime(), isSame: judged === undefined ? null : judged.counts.stored > 0 },
    ...(judged === undefined ? await claimOf(pool, range) : accountOf(judged)),
    isSettled: offset < (settled.get(partition) ?? 0n),
    effect,
    ...answers,
    command,
    findings: said.map(({ finding }) => finding),
  };
}

/** What the books prove of a record that is there: the audit's own verdict on its offset. */
function accountOf({ counts, suspects }: Classified): Pick<LifeFacts, 'account' | 'unproved'> {
  const [name] = (['duplicateOf', 'quarantined', 'purged'] as const).filter((account) => counts[account] > 0);
  const unproved = suspects[0]?.finding.detail ?? null;
  return { account: name === undefined ? null : { name, detail: PROVED[name] }, unproved };
}

const PROVED = {
  duplicateOf: 'the same event is stored under another offset',
  quarantined: 'it cannot be stored, and is kept with its bytes and the reason',
  purged: 'its row was deleted by retention',
} as const;

/** What the books say of a record that nobody can read: there is nothing to prove it with. */
async function claimOf(pool: Pool, range: BucketRange): Promise<Pick<LifeFacts, 'account' | 'unproved'>> {
  const { duplicates, quarantined, purged } = await storedSide(pool, range);
  const claims = { duplicateOf: duplicates.size, quarantined: quarantined.size, purged: purged.length };
  const [name] = (['duplicateOf', 'quarantined', 'purged'] as const).filter((account) => claims[account] > 0);
  return { account: name === undefined ? null : { name, detail: 'so the books say' }, unproved: null };
}

interface RowColumns {
  readonly id: string;
  readonly event_id: string | null;
  readonly kind: EventKind;
  readonly type: string | null;
  readonly payload: string;
  readonly created_at: Date;
  readonly received_at: Date;
  readonly gateway_epoch: string;
  readonly ingest_seq: string;
  readonly stream: string | null;
  readonly stream_epoch: string | null;
  readonly seq: string | null;
}

function countedIn(row: RowColumns | undefined) {
  const seq = row?.seq === null || row === undefined ? null : Number(row.seq);
  return { stream: row?.stream ?? null, streamEpoch: row?.stream_epoch ?? null, seq };
}

function gatewayOf(event: IncomingEvent | undefined, row: RowColumns | undefined): LifeFacts['gateway'] {
  if (event !== undefined) return { epoch: event.gatewayEpoch, ingestSeq: event.ingestSeq };
  return row === undefined ? null : { epoch: row.gateway_epoch, ingestSeq: Number(row.ingest_seq) };
}

async function readOne({ admin, ranges, codec }: ExplainTools, at: TopicPartition, offset: bigint) {
  const nothing = { event: undefined };
  const endsNow = async () => (await admin.ends(at.topic)).get(at.partition);
  const ends = await endsNow();
  if (ends === undefined || offset >= ends.lastStable) return { ...nothing, log: 'not-yet' as const };
  if (offset < ends.logStart) return { ...nothing, log: 'expired' as const };
  const entries: RangeEntry[] = [];
  for await (const some of ranges.read(at, offset, offset + 1n)) entries.push(...some);
  const [entry] = entries;
  if (entry === undefined) {
    // It may have expired since the ends were asked for.
    const isHole = offset >= ((await endsNow())?.logStart ?? 0n);
    return isHole ? { ...nothing, entries, log: 'hole' as const } : { ...nothing, log: 'expired' as const };
  }
  if (entry.kind !== 'record') return { ...nothing, entries, log: entry.kind };
  const decoded = await codec.decode(TOPIC.incoming, entry.record.value);
  if (!decoded.ok) return { ...nothing, entries, log: 'unreadable' as const };
  const { value: event } = decoded;
  const received = entry.record.headers[RECEIVED_HEADER];
  const isAsReceived = received === undefined || String(received) === payloadHash(event.payload);
  return { event, entries, log: isAsReceived ? ('record' as const) : ('altered' as const) };
}

/** What was read, for who reads it to judge it: read again, it could be another answer. */
function asRead(entries: readonly RangeEntry[]): ExplainTools['ranges'] {
  return {
    async *read() {
      yield entries;
    },
  };
}
