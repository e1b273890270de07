// One seeded run: three users that count, a source that counts, a legacy source and dispatches for all of them, while the communicator
// dies at three of its kill points, one after the other; then it is left in peace until everybody has been answered.
import { pause } from '../../../service/backoff.ts';
import { below, type Random, seededRandom } from '../../../service/random.ts';
import { CountingPeer } from './counting-peer.ts';
import {
  type CrashVerdict,
  judgeCounted,
  judgedNumbers,
  judgeTold,
  type LogOfRun,
  lostOfSpool,
  type SpooledFrame,
} from './crash-verdict.ts';
import type { GatewayBench } from './gateway-bench.ts';
import { TellingSource } from './telling-source.ts';
import { until } from './until.ts';

/** By the order of effects, with the occurrences at which a process dies there, at most. */
const OCCURRENCES = {
  'communicator.numbered': 400,
  'communicator.spooled': 25,
  'communicator.appended': 600,
  'communicator.acknowledged': 40,
  'communicator.checkpointed': 12,
  'communicator.delivered': 30,
  'communicator.recovered': 2,
} as const;

type KillPoint = keyof typeof OCCURRENCES;
export const KILL_POINTS = Object.keys(OCCURRENCES) as KillPoint[];

export interface Death {
  readonly point: KillPoint;
  readonly nth: number;
  /** It came to that place by itself; else it was killed from outside, at any moment. */
  readonly isOwn: boolean;
}

export interface KillRun {
  readonly deaths: readonly Death[];
  readonly wrong: readonly string[];
  readonly lostOfSpool: readonly SpooledFrame[];
  /** Reply ids by source that it did not get. */
  readonly undelivered: readonly string[];
  readonly numbers: ReturnType<typeof judgedNumbers>;
  readonly counts: Readonly<
    Record<'events' | 'acks' | 'copies' | 'frames' | 'tails' | 'dispatches' | 'repeats', number>
  >;
}

const DEATHS = 3;
const USERS = 3;
/**
 * Of each peer's events, settled since the start: it comes to every place in fewer, unless there is too little of what the place is
 * about. Not a time: a slow machine comes to both later.
 */
const WORKS_LONG_ENOUGH = 1_500;
const WAITS_MAX_MS = 300_000;
const LOAD_EVERY_MS = 10;

export async function killRun(bench: GatewayBench, seed: number): Promise<KillRun> {
  const startedMs = Date.now();
  const random = seededRandom(seed, 0);
  const { communicator } = bench;
  const legacy = await TellingSource.start(`legacy-${seed}`);
  const dialled = new CountingPeer({ name: `source-${seed}`, chats: 3 });
  const dialledUrl = await dialled.listen();
  const users = await Promise.all(
    Array.from({ length: USERS }, async (_, index) => {
      const name = `u${seed}-${index}`;
      const peer = new CountingPeer({ name, chats: 3, token: await bench.token(name) });
      return { peer, source: `user:${name}` };
    }),
  );
  const legacyName = new URL(legacy.url).host;
  const counting = [...users, { peer: dialled, source: new URL(dialledUrl).host }];
  const sources = { PMC_SOURCES: `legacy+${legacy.url},pmc.v1+${dialledUrl}` };
  const replies = new Map<string, string[]>(
    [...counting.map(({ source }) => source), legacyName].map((one) => [one, []]),
  );
  const spooled: SpooledFrame[] = [];
  const deaths: Death[] = [];

  const load = setInterval(() => {
    for (const { peer } of counting) if (peer.isOpen && peer.sent.length - peer.settledUpTo < 400) peer.say(2);
    legacy.say(3);
  }, LOAD_EVERY_MS);
  const isGiving = { now: true };
  const giving = giveDispatches(bench, replies, isGiving, (source) =>
    source === legacyName
      ? legacy.told.length > 0
      : counting.some((one) => one.source === source && one.peer.welcomes > 0),
  );
  try {
    for (const { peer } of users) peer.dial(communicator.usersUrl);
    for (const { point, nth } of plan(random, seed)) {
      communicator.start(sources, `${point}:${nth}`);
      const from = counting.map(({ peer }) => peer.settledUpTo);
      await until(
        'it has died, or worked for long',
        () =>
          !communicator.isRunning ||
          counting.every(({ peer }, index) => peer.settledUpTo - (from[index] ?? 0) > WORKS_LONG_ENOUGH),
        WAITS_MAX_MS,
      );
      const isOwn = !communicator.isRunning;
      const ended = await communicator.end('SIGKILL');
      if (ended !== 'SIGKILL') throw new Error(`it ended with ${ended}:\n${communicator.lines.join('\n')}`);
      deaths.push({ point, nth, isOwn });
      spooled.push(...bench.spooled());
      await bench.forgetTheDead();
    }
    communicator.start(sources);
    await communicator.ready();
    // It has to work as before, with everybody on board.
    await until('everybody is connected', () => legacy.isOpen && counting.every(({ peer }) => peer.isOpen));
    const before = counting.map(({ peer }) => peer.sent.length);
    await until('everybody goes on', () =>
      counting.every(({ peer }, index) => peer.settledUpTo > (before[index] ?? 0)),
    );
  } finally {
    clearInterval(load);
    isGiving.now = false;
    await giving;
  }
  const told = legacy.told.at(-1)?.at(-1);
  const missing = (): readonly string[] => missed(replies, legacyName, legacy, counting);
  await until('every event is settled', () => counting.every(({ peer }) => peer.isSettled));
  await until('every dispatch is delivered', () => missing().length === 0).catch(() => undefined);
  await until('the last frame is on the log', async () => {
    const { incoming, rejected } = await bench.log();
    const texts = [...incoming.map(({ value }) => value.payload), ...rejected.map(({ value }) => value.raw)];
    return told === undefined || texts.some((bytes) => bytes.toString('utf8') === told);
  });
  // By the last process, within about a second of its start; one that is stopped sooner leaves that to the next.
  await until(
    'the epochs of the dead are closed',
    async () => judgedNumbers(await bench.log(), Date.now()).crashed.length === 0,
  );
  await communicator.end('SIGTERM');
  for (const { peer } of counting) await peer.stop();
  await legacy.stop();

  const log = await bench.log();
  const verdicts: (readonly [string, CrashVerdict])[] = [
    ...counting.map(({ peer, source }) => [source, judgeCounted(peer, log)] as const),
    [legacyName, judgeTold(legacyName, legacy, receivedSince(log, startedMs))],
  ];
  const own = log.incoming.filter(({ value }) => counting.some(({ peer }) => peer.epoch === value.streamEpoch));
  const events = sum(counting.map(({ peer }) => peer.sent.length));
  const onLog = new Set(log.incoming.map(({ value }) => value.payload.toString('utf8')));
  const refused = new Set(log.rejected.map(({ value }) => value.raw.toString('utf8')));
  const all = [
    ...counting.map(({ peer }) => peer.delivered.map(({ replyId }) => replyId)),
    legacy.received.map(({ id }) => id),
  ];
  return {
    deaths,
    wrong: verdicts.flatMap(([source, verdict]) =>
      Object.entries(verdict).flatMap(([what, list]) =>
        (list as string[]).slice(0, 5).map((one) => `${source} ${what}: ${one}`),
      ),
    ),
    lostOfSpool: lostOfSpool(spooled, log),
    undelivered: missing(),
    numbers: judgedNumbers(log, Date.now()),
    counts: {
      events,
      acks: sum(counting.map(({ peer }) => peer.acked.length)),
      copies: own.length - events,
      frames: legacy.toldTotal,
      tails: legacy.told.flat().filter((text) => !onLog.has(text) && !refused.has(text)).length,
      dispatches: sum([...replies.values()].map((ids) => ids.length)),
      repeats: sum(all.map((ids) => ids.length - new Set(ids).size)),
    },
  };
}

/** A source is named by its port, and of many runs one may get the port of a source before it. */
function receivedSince(log: LogOfRun, atMs: number): LogOfRun {
  const isSince = ({ value }: { readonly value: { readonly receivedAt: number } }): boolean => value.receivedAt >= atMs;
  return { ...log, incoming: log.incoming.filter(isSince), rejected: log.rejected.filter(isSince) };
}

/** The first point goes round by seed, so that each has its turn; after a death something was left behind to hand on. */
function plan(random: Random, seed: number): readonly { readonly point: KillPoint; readonly nth: number }[] {
  const firsts = KILL_POINTS.filter((name) => name !== 'communicator.recovered');
  return Array.from({ length: DEATHS }, (_, index) => {
    const point =
      index === 0
        ? (firsts[seed % firsts.length] as KillPoint)
        : index === 1 && seed % 2 === 0
          ? 'communicator.recovered'
          : (KILL_POINTS[below(random, KILL_POINTS.length)] as KillPoint);
    return { point, nth: 1 + below(random, OCCURRENCES[point]) };
  });
}

/** One for each source that has been connected once, again and again, whoever is there at the moment. */
async function giveDispatches(
  bench: GatewayBench,
  replies: ReadonlyMap<string, string[]>,
  isGiving: { readonly now: boolean },
  isKnown: (source: string) => boolean,
): Promise<void> {
  while (isGiving.now) {
    for (const [source, ids] of replies) if (isKnown(source)) ids.push(await bench.dispatch(source));
    await pause(50);
  }
}

function missed(
  replies: ReadonlyMap<string, readonly string[]>,
  legacyName: string,
  legacy: TellingSource,
  counting: readonly { readonly peer: CountingPeer; readonly source: string }[],
): readonly string[] {
  return [...replies].flatMap(([source, ids]) => {
    const peer = counting.find((one) => one.source === source)?.peer;
    const got =
      source === legacyName
        ? legacy.received.map(({ id }) => id)
        : (peer?.delivered ?? []).map(({ replyId }) => replyId);
    const had = new Set(got);
    return ids.filter((id) => !had.has(id)).map((id) => `${source} ${id}`);
  });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
