// What clients of Kafka are known to do that would lose, repeat or stop records, and what keeps it from happening here. Every row
// that a client is said to hold has a test whose name begins with its number; docs/log-clients.md is made from this table.
import type { ClientName } from './clients-under-test.ts';

export type Standing = 'held' | { readonly notApplicable: string } | { readonly notHeld: string };

export interface Hazard {
  readonly number: number;
  /** As it was found in kafkajs, unless another client is named. */
  readonly defect: string;
  readonly consequence: string;
  readonly heldBy: string;
  readonly standing: Readonly<Record<ClientName, Standing>>;
}

const HELD = { kafkajs: 'held', platformatic: 'held' } as const;
type Row = readonly [defect: string, consequence: string, heldBy: string, standing?: Hazard['standing']];

const ROWS: readonly Row[] = [
  [
    'sequence numbers are rolled back when an acknowledgement is lost, and a waiting send takes them',
    'a record is acknowledged and never stored, another is stored twice',
    'one unsettled send per partition, kept inside the appender',
  ],
  [
    'answers are remembered by broker over the retries of a send',
    'a send over several leaders resolves without having sent to one that moved',
    'a send carries one partition, and its answer must name it',
  ],
  [
    'records without a partition are distributed again at every retry',
    'what is retried under the same sequence numbers is something else',
    'the partition is fixed before the append',
  ],
  [
    'an idempotent producer gives up after five retries',
    'a record is given up after about 13 s, its outcome unknown',
    'three outcomes; what is unknown is appended again until the broker answers',
  ],
  [
    'a producer id that the broker no longer accepts is never renewed',
    'a partition takes nothing any more',
    'after an unknown outcome the producer is replaced by one with a new id',
  ],
  [
    'sends wait for a lock for 65 s at most, then fail for good',
    'bursts of rejected records',
    'what waits is bounded in bytes, and sources are paused',
  ],
  [
    'a connection to a host that vanished is used again after each time-out',
    'minutes of silence, and overflow upstream',
    'the first request without an answer replaces the client; silent sockets are destroyed',
  ],
  [
    'half an answer stays in the buffer of a connection that broke',
    'the answers behind it are never understood',
    'the same: the client object is replaced',
  ],
  [
    'grouping records takes quadratic time',
    'the process stands still for seconds',
    'batches have at most 1,000 records',
  ],
  [
    'a timer per connection fires about a thousand times a second',
    'idle processes use processor time',
    'a reviewed patch of that function, and few clients',
  ],
  [
    'one bad record rejects the whole send',
    'its neighbours are rejected too',
    'records are checked before, and a refused batch is split until the bad one is alone',
  ],
  [
    'nothing lingers and nothing drains',
    'what is buffered is lost when the process ends',
    'acknowledged means stored; a stop settles everything first',
  ],
  [
    'a position that left the log, below its beginning or behind its end, is set to its end',
    'a backlog, or all of a log that lost its tail, is skipped without a word',
    'reading goes on at the beginning of the log, with all that is there, and the jump is reported, be it backwards',
  ],
  [
    'new groups and new partitions begin at the end',
    'their first records are skipped',
    'reading begins at the beginning',
  ],
  [
    'a position advances before the handler is done',
    'what a handler failed on is skipped',
    'only what a handler returned from is resolved and committed',
  ],
  [
    'a commit without arguments commits nothing',
    'everything is read again after a restart',
    'commits name their offsets',
  ],
  ['a commit while stopping does nothing', 'a batch is read again', 'the commit is a part of handling the batch'],
  [
    'calls of an assignment that is over still take effect',
    'positions of other members are moved',
    'every call carries the generation, and an old one is dropped',
  ],
  [
    'a TypeError of a handler ends the consumer, not the process',
    'reading stops silently',
    'whatever is thrown becomes an error that is tried again; a dead consumer is made anew',
  ],
  [
    'a record that cannot be read restarts the consumer for ever',
    'its partition is blocked',
    'such records are data; whoever reads them quarantines them',
  ],
  [
    'heartbeats are sent between batches only',
    'a slow handler loses its partitions and its work is done twice',
    'heartbeats go on while a handler works',
  ],
  [
    'the next fetch waits for all partitions of a broker',
    'one slow partition stops others',
    'partitions are handled apart from each other',
  ],
  [
    'a leader that moves makes the group assign anew',
    'a restart of brokers is a storm of assignments',
    'it is expected: nothing is lost, positions are kept',
  ],
  [
    'aborted data leaks when transactions overlap, and commits in transactions are not fenced',
    'replies that were never made, or made twice',
    'no transactions on the log; effects and replies are one transaction of the database',
  ],
  [
    'the state of a transaction sticks after a failed end',
    'a stream of commands stops',
    'no transactions; markers of others are passed and committed past',
  ],
  [
    'setting committed offsets succeeds for a part of the partitions',
    'a replay of another range than was asked for',
    'what was set is read back and compared',
  ],
  [
    'a seek to "earliest" or "latest" becomes a seek to 0',
    'everything is read again',
    'only absolute offsets are taken, and they outlast a rebalance',
  ],
  [
    'the end of the log is the last stable offset; a time after the last record is the end',
    'an audit that is blind behind an open transaction, an empty replay',
    'both ends are told apart, and no offset is said to be none',
  ],
  [
    'batches of a compacted topic that have become empty hold the position',
    'reading stands still',
    'topics that are not kept by age are refused at the start',
  ],
  [
    'an unknown compression ends the consumer, and so does a batch of more than some 125,000 records',
    'reading stops',
    'all compressions of Kafka are understood, and records are taken one by one',
  ],
  [
    'committed offsets are cached per client object, not per member',
    'members in one process mix up their positions',
    'each has a client object of its own',
  ],
  [
    'the epoch of a leader is not checked',
    'a tail that an unclean election removed is used again without a word',
    'two replicas must have a record, unclean elections are off, and the audit compares offsets with events',
  ],
  [
    'a registry that hangs or is away at the start blocks decoding',
    'reading stops',
    'a time limit, and a file of schemas that is read first',
  ],
  ['decoding with another schema compiles it for every record', 'a thousand records a second', 'resolvers are kept'],
  [
    'registering a schema changes the settings of the registry, and a refused connection looks like a bad request',
    'other rules than agreed; errors taken for another',
    'registering is a step of its own, errors go by their body',
  ],
  [
    'under NODE_ENV=test other retries are used',
    'tests of something that does not run',
    'every retry and time-out is explicit; these tests run as in production',
  ],
  [
    'the lowest version that a broker takes is not looked at',
    'after an upgrade connections drop without a reason',
    'versions are compared before anything is opened',
  ],
  [
    'a timestamp more than 24 days from the first one of its batch loses its high bits (@platformatic/kafka)',
    'what a spool kept for long is stored under another time, by which it may expire at once',
    'batches are written by this project, and read back from a broker',
  ],
  [
    'the checksum of a batch is not compared with its bytes',
    'what a disk, a memory or a network changed is read as if it had been written',
    'it is compared before anything is made of a batch; what is damaged waits, and is read when it comes as it was written',
  ],
  [
    'one partition without a leader makes an error of all that a broker tells of its topic',
    'no partition is appended to or read, and no member joins its group, for as long as that one has none',
    'such answers are taken for what they say of each partition; in kafkajs by a reviewed patch of that function, and one of the question where a member begins',
  ],
  [
    'a member asks for the coordinator of its group when it joins, and not again when that broker has gone for good (kafkajs)',
    'each heartbeat and commit fails for ever: the same records again and again, and no word of it',
    'a member that its coordinator has not heard for twice the session time-out is replaced by one that joins anew',
  ],
  [
    'what any broker can answer is asked of the first one that takes a connection, again and again, also where that is closed at once or says nothing (both)',
    'with other brokers there, no member joins its group, and nothing is learnt of a topic; or the process ends',
    'the next one is asked after a failure: in @platformatic/kafka by a reviewed patch, in kafkajs by a new client, which begins with any of them',
  ],
  [
    "a connection whose login is refused, or not renewed, and which is then reset tells of two errors, of which the second is nobody's (@platformatic/kafka)",
    'the process ends',
    'a reviewed patch: somebody listens for all errors of a connection',
  ],
];

export const HAZARDS: readonly Hazard[] = ROWS.map(([defect, consequence, heldBy, standing = HELD], index) => ({
  number: index + 1,
  defect,
  consequence,
  heldBy,
  standing,
}));

/** Whole rows that no client here has to hold; each of them needs a demonstration. */
export const NOT_APPLICABLE_MAX = 5;

/**
 * The rows that tests show, by client. A test is for both clients where its file runs through them or is about what both go through
 * (a file of kafka/ itself), else for those it names; "only" and a name in its title makes it that client's alone.
 */
export function rowsShown(
  files: readonly { readonly path: string; readonly text: string }[],
): Record<ClientName, Set<number>> {
  const shown: Record<ClientName, Set<number>> = { kafkajs: new Set(), platformatic: new Set() };
  for (const { path, text } of files) {
    const isForBoth =
      /^kafka\/[^/]+$/.test(path) ||
      /\b(?:describe|test)(?:\.\w+)?\.(?:for|each)\((?:CLIENTS|\[['"]kafkajs['"], ['"]platformatic['"]\])/.test(text);
    for (const [, title = '', number] of text.matchAll(/['"`](row (\d+) · [^\n]*)/g)) {
      for (const client of ['kafkajs', 'platformatic'] as const) {
        const only = /only (kafkajs|platformatic)/.exec(title)?.[1];
        if (only !== undefined && only !== client) continue;
        if (isForBoth || title.includes(client) || path.includes(`/${client}/`)) shown[client].add(Number(number));
      }
    }
  }
  return shown;
}
