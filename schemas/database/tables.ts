// The tables as drizzle sees them, for typed reads and typed column arrays. The migrations are the truth; a test compares
// the migrated database with these definitions.
import { bigint, customType, integer, json, pgSchema, pgTable, text, timestamp, uuid } from 'drizzle-orm/pg-core';

const bytea = customType<{ data: Buffer }>({ dataType: () => 'bytea' });
const time = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' });
const offset = (name: string) => bigint(name, { mode: 'bigint' });

const coordinates = {
  incarnation: uuid('incarnation').notNull(),
  partition: integer('partition').notNull(),
  recordOffset: offset('record_offset').notNull(),
};

export const messageMetadata = pgTable('message_metadata', {
  id: uuid('id').notNull(),
  timestamp: time('timestamp'),
  sender: text('sender'),
  type: text('type'),
  status: text('status').notNull().default('received'),
  rawPayload: json('raw_payload').notNull(),
  createdAt: time('created_at').notNull().defaultNow(),
  ...coordinates,
  source: text('source').notNull(),
  eventId: text('event_id'),
  kind: text('kind').notNull(),
  chat: text('chat'),
  actor: text('actor'),
  content: text('content'),
  refId: text('ref_id'),
  stream: text('stream'),
  streamEpoch: text('stream_epoch'),
  seq: offset('seq'),
  gatewayEpoch: text('gateway_epoch').notNull(),
  ingestSeq: offset('ingest_seq').notNull(),
  receivedAt: time('received_at').notNull(),
  flags: text('flags').array().notNull().default([]),
  identity: uuid('identity'),
});

export const duplicates = pgTable('duplicates', {
  ...coordinates,
  id: uuid('id').notNull(),
  firstIncarnation: uuid('first_incarnation').notNull(),
  firstPartition: integer('first_partition').notNull(),
  firstOffset: offset('first_offset').notNull(),
  status: text('status').notNull().default('open'),
  createdAt: time('created_at').notNull().defaultNow(),
});

export const quarantine = pgTable('quarantine', {
  ...coordinates,
  topic: text('topic').notNull(),
  code: text('code').notNull(),
  reason: text('reason').notNull(),
  raw: bytea('raw'),
  status: text('status').notNull().default('open'),
  createdAt: time('created_at').notNull().defaultNow(),
});

export const conflicts = pgTable('conflicts', {
  identity: uuid('identity').notNull(),
  ...coordinates,
  createdAt: time('created_at').notNull().defaultNow(),
});

export const coverage = pgTable('coverage', {
  incarnation: coordinates.incarnation,
  topic: text('topic').notNull(),
  partition: coordinates.partition,
  upperOffset: offset('upper_offset').notNull(),
  rowsTotal: offset('rows_total').notNull(),
  updatedAt: time('updated_at').notNull().defaultNow(),
});

export const purged = pgTable('purged', {
  incarnation: coordinates.incarnation,
  partition: coordinates.partition,
  lowerOffset: offset('lower_offset').notNull(),
  upperOffset: offset('upper_offset').notNull(),
  reason: text('reason').notNull(),
  createdAt: time('created_at').notNull().defaultNow(),
});

export const messageState = pgTable('message_state', {
  source: text('source').notNull(),
  messageId: text('message_id').notNull(),
  state: json('state').notNull(),
  updatedAt: time('updated_at').notNull().defaultNow(),
});

export const conversations = pgTable('conversations', {
  source: text('source').notNull(),
  chat: text('chat').notNull(),
  firstAt: time('first_at').notNull(),
  lastAt: time('last_at').notNull(),
});

export const foldPositions = pgTable('fold_positions', {
  incarnation: coordinates.incarnation,
  partition: coordinates.partition,
  nextOffset: offset('next_offset').notNull(),
});

export const effects = pgTable('effects', {
  eventKey: uuid('event_key').notNull(),
  kind: text('kind').notNull(),
  target: text('target').notNull(),
  status: text('status').notNull(),
  detail: text('detail'),
  incarnation: uuid('incarnation'),
  partition: integer('partition'),
  recordOffset: offset('record_offset'),
  createdAt: time('created_at').notNull().defaultNow(),
  receivedAt: time('received_at').notNull().defaultNow(),
  limitKey: uuid('limit_key'),
});

export const calls = pgTable('calls', {
  eventKey: uuid('event_key').notNull(),
  target: text('target').notNull(),
  given: json('given').notNull(),
  asked: json('asked'),
  receivedAt: time('received_at').notNull(),
  createdAt: time('created_at').notNull().defaultNow(),
  takes: integer('takes').notNull().default(0),
  leasedUntil: time('leased_until'),
  takenBy: uuid('taken_by'),
  firstPostponedAt: time('first_postponed_at'),
});

export const forgotten = pgTable('forgotten', {
  what: text('what').notNull(),
  before: time('before').notNull(),
  rowsTotal: offset('rows_total').notNull(),
  updatedAt: time('updated_at').notNull().defaultNow(),
});

export const outbox = pgTable('outbox', {
  replyId: uuid('reply_id').notNull(),
  sequence: offset('sequence').notNull(),
  topic: text('topic').notNull(),
  partition: integer('partition').notNull(),
  key: text('key').notNull(),
  value: bytea('value').notNull(),
  createdAt: time('created_at').notNull().defaultNow(),
  sentAt: time('sent_at'),
  sentOffset: offset('sent_offset'),
  leasedUntil: time('leased_until'),
});

export const tokens = pgTable('tokens', {
  id: text('id').notNull(),
  hash: bytea('hash').notNull(),
  subject: text('subject').notNull(),
  role: text('role').notNull(),
  createdAt: time('created_at').notNull().defaultNow(),
  expiresAt: time('expires_at'),
  revokedAt: time('revoked_at'),
  note: text('note'),
});

const audit = pgSchema('audit');

export const auditRuns = audit.table('runs', {
  id: text('id').notNull(),
  mode: text('mode').notNull(),
  startedAt: time('started_at').notNull(),
  finishedAt: time('finished_at').notNull(),
  verdict: text('verdict').notNull(),
  report: json('report').notNull(),
});

export const auditFindings = audit.table('findings', {
  findingKey: text('finding_key').notNull(),
  kind: text('kind').notNull(),
  stage: text('stage').notNull(),
  detail: json('detail').notNull(),
  firstRun: text('first_run').notNull(),
  firstSeenAt: time('first_seen_at').notNull(),
  lastSeenAt: time('last_seen_at').notNull(),
  state: text('state').notNull().default('open'),
  healedAt: time('healed_at'),
  healedRun: text('healed_run'),
  coincident: json('coincident'),
  openedAt: time('opened_at').notNull().defaultNow(),
  /** Generated: see the migration. */
  rank: integer('rank').notNull(),
  place: text('place'),
});

export const auditAnchors = audit.table('anchors', {
  topic: text('topic').notNull(),
  partition: integer('partition').notNull(),
  clusterId: text('cluster_id').notNull(),
  incarnation: uuid('incarnation').notNull(),
  earlyOffset: offset('early_offset').notNull(),
  earlyHash: offset('early_hash').notNull(),
  lastOffset: offset('last_offset').notNull(),
  lastHash: offset('last_hash').notNull(),
  leaderEpoch: integer('leader_epoch').notNull(),
  auditedTo: offset('audited_to').notNull(),
  checkedAt: time('checked_at').notNull(),
});

export const auditTimeline = audit.table('timeline', {
  id: offset('id').notNull(),
  at: time('at').notNull(),
  kind: text('kind').notNull(),
  subject: text('subject').notNull(),
  detail: text('detail').notNull(),
});
