// Replies that cannot go out, more of them than a relay takes at once: a partition that takes nothing, one that never says what became of
// an append, and replies that the broker refuses. All others go out, and those of the partition once it takes them again. The
// database is real, the log a list.
import { expect, test } from 'vitest';
import type { Relay } from '../../consumers/commands/relay.ts';
import { partitionFor } from '../../kafka/partitioner.ts';
import type { Pool } from '../../service/database.ts';
import { PmcError } from '../../service/errors.ts';
import { command, handle, ListLog, relayTo } from '../support/command-batches.ts';
import { withScratchPool } from '../support/scratch-pool.ts';

/** More than one round of a relay takes. */
const MANY = 250;
const STUCK = 'stuck';
const PARTITIONS = 6;
const OTHER = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].find(
  (chat) => partitionFor(chat, PARTITIONS) !== partitionFor(STUCK, PARTITIONS),
);
const UNKNOWN = { outcome: 'unknown', error: new PmcError('PMC_APPEND_UNKNOWN', 'no answer') } as const;
const REJECTED = { outcome: 'rejected', error: new PmcError('PMC_RECORD_TOO_LARGE', 'too large') } as const;

let pool: Pool;

withScratchPool((opened) => {
  pool = opened;
});

const pings = (count: number, chat: string | undefined, name: string) =>
  Array.from({ length: count }, (_, n) =>
    command('/ping', `${name}-${n}`, { chat: chat ?? '', actor: `${name}-${n}` }),
  );

const repliesTo = (log: ListLog, name: string): number =>
  log.replies.filter(({ inReplyTo }) => inReplyTo.startsWith(name)).length;

/** What the rounds of a relay came to, and a wait for the first one of which `isIt` holds. */
class Rounds {
  readonly all: (string | undefined)[] = [];
  #wanted: { readonly isIt: () => boolean; readonly found: () => void } | undefined;

  readonly onRound = (problem: string | undefined): void => {
    this.all.push(problem);
    if (this.#wanted?.isIt()) this.#wanted.found();
  };

  until(isIt: () => boolean): Promise<void> {
    return new Promise((found) => {
      this.#wanted = { isIt, found };
    });
  }
}

async function whileRelaying(relay: Relay, work: () => Promise<void>): Promise<void> {
  relay.start();
  try {
    await work();
  } finally {
    await relay.stop();
  }
}

test('a partition that takes nothing holds up its own replies alone, says so, and loses none', async () => {
  const log = new ListLog();
  const isStuck = (name: string) => name.includes(`"inReplyTo":"${STUCK}`);
  log.answer = (records) => (records.some(({ value }) => isStuck(value.toString())) ? UNKNOWN : log.acked());
  const rounds = new Rounds();
  await handle(pool, [...pings(MANY, STUCK, STUCK), ...pings(1, OTHER, 'other')]);
  await whileRelaying(relayTo(pool, log, rounds.onRound), async () => {
    await rounds.until(() => repliesTo(log, 'other') > 0 || rounds.all.length > 5);
    expect(repliesTo(log, 'other')).toBe(1);
    expect(rounds.all.every((problem) => problem === 'no answer')).toBe(true);
    log.answer = () => log.acked();
    await rounds.until(() => rounds.all.at(-1) === undefined);
  });
  const ids = new Set(log.replies.map(({ replyId }) => replyId));
  expect(ids.size).toBe(MANY + 1);
});

test('what goes out does not wait for the answer of a partition that took nothing before', async () => {
  const log = new ListLog();
  const released = Promise.withResolvers<void>();
  let failures = 0;
  log.answer = async (records) => {
    if (!records.some(({ value }) => value.includes(`"inReplyTo":"${STUCK}`))) return log.acked();
    failures += 1;
    if (failures > 1) await released.promise;
    return UNKNOWN;
  };
  const rounds = new Rounds();
  const relay = relayTo(pool, log, rounds.onRound);
  await handle(pool, pings(1, STUCK, STUCK));
  await whileRelaying(relay, async () => {
    await rounds.until(() => failures > 1);
    await handle(pool, pings(1, OTHER, 'other'));
    relay.announce();
    await rounds.until(() => repliesTo(log, 'other') > 0);
    released.resolve();
  });
});

test('replies that the broker refuses hold up none of their partition, and do not make the service unready', async () => {
  const log = new ListLog();
  log.answer = (records) => (records.some(({ value }) => value.includes('"inReplyTo":"bad')) ? REJECTED : log.acked());
  const rounds = new Rounds();
  await handle(pool, [...pings(MANY, STUCK, 'bad'), ...pings(1, STUCK, 'good')]);
  await whileRelaying(relayTo(pool, log, rounds.onRound), async () => {
    await rounds.until(() => repliesTo(log, 'good') > 0 || rounds.all.length > 5);
    expect(repliesTo(log, 'good')).toBe(1);
  });
  expect(rounds.all.every((problem) => problem === undefined)).toBe(true);
});
