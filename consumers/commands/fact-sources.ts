// Where the facts of replies come from: the supervisor's control API, the cluster and the database. Each source throws when
// it cannot tell; the board makes that `unknown`. None of them caches.
import { z } from 'zod';
import type { LogAdmin } from '../../kafka/log.ts';
import { GROUP, TOPIC, type TopicName } from '../../schemas/topics.ts';
import type { Clock } from '../../service/clock.ts';
import type { Pool } from '../../service/database.ts';
import { activity, losses, openByStage } from './audit-facts.ts';
import type { FactSources } from './fact-board.ts';
import type { AuditFact, GroupLag, ServiceFact, TopicFact } from './facts.ts';
import { groupLag } from './lag.ts';

export interface FactDeps {
  readonly admin: LogAdmin;
  readonly pool: Pool;
  readonly clock: Clock;
  readonly control: { readonly url: string | undefined; readonly token: string | undefined };
  /** After this long an HTTP request is given up. */
  readonly timeoutMs: number;
}

const READERS: readonly { readonly group: string; readonly topic: TopicName }[] = [
  { group: GROUP.persistence, topic: TOPIC.incoming },
  { group: GROUP.commands, topic: TOPIC.incoming },
  { group: GROUP.gapDetector, topic: TOPIC.incoming },
  { group: GROUP.communicator, topic: TOPIC.sources },
];

const statusSchema = z.object({
  services: z.array(z.object({ name: z.string(), state: z.string(), restarts: z.number().default(0) })),
});

const accountSchema = z.object({ settled: z.number(), stored: z.number(), missing: z.number() });

// The newest of each mode by its index, then the newer of the two.
const NEWEST_RUN = `
  select verdict, finished_at, report -> 'accounts' as accounts from (
    (select * from audit.runs where mode = 'live' order by finished_at desc limit 1)
    union all
    (select * from audit.runs where mode = 'run' order by finished_at desc limit 1)
  ) as newest order by finished_at desc limit 1`;

export function factSources(deps: FactDeps): FactSources {
  return {
    services: () => services(deps),
    lags: () => lags(deps.admin),
    stored: () => stored(deps.pool),
    audit: () => audit(deps.pool),
    clusterId: async () => (await deps.admin.cluster()).clusterId,
    topics: () => topics(deps.admin),
    activity: () => activity(deps.pool, deps.clock.nowMs()),
    losses: () => losses(deps.pool),
    openByStage: () => openByStage(deps.pool),
  };
}

async function services({ control: { url, token }, timeoutMs }: FactDeps): Promise<readonly ServiceFact[]> {
  if (url === undefined) throw new Error('PMC_CONTROL_URL is not set');
  const response = await fetch(new URL('status', url.endsWith('/') ? url : `${url}/`), {
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(timeoutMs),
    redirect: 'error',
  });
  if (!response.ok) throw new Error(`the control API at ${url} answered ${response.status}`);
  return statusSchema.parse(await response.json()).services;
}

async function lags(admin: LogAdmin): Promise<readonly GroupLag[]> {
  // Commits first: what is committed between the two questions then shows as lag for a moment, never as a negative one.
  const committed = await Promise.all(READERS.map(({ group, topic }) => admin.committed(group, topic)));
  const read = [...new Set(READERS.map(({ topic }) => topic))];
  const ends = new Map(await Promise.all(read.map(async (topic) => [topic, await admin.ends(topic)] as const)));
  return READERS.map(({ group, topic }, index) =>
    groupLag(group, ends.get(topic) ?? new Map(), committed[index] ?? new Map()),
  );
}

async function stored(pool: Pool): Promise<bigint> {
  const { rows } = await pool.query<{ total: string }>(
    'select coalesce(sum(rows_total), 0)::text as total from coverage where topic = $1',
    [TOPIC.incoming],
  );
  return BigInt(rows[0]?.total ?? '0');
}

async function audit(pool: Pool): Promise<AuditFact | null> {
  const { rows } = await pool.query<{ verdict: string; finished_at: Date; accounts: unknown }>(NEWEST_RUN);
  const [run] = rows;
  if (run === undefined) return null;
  const accounts = accountSchema.safeParse(run.accounts).data;
  return {
    verdict: run.verdict,
    finishedAtMs: run.finished_at.getTime(),
    settled: accounts?.settled,
    stored: accounts?.stored,
    missing: accounts?.missing,
  };
}

async function topics(admin: LogAdmin): Promise<readonly TopicFact[]> {
  const descriptions = await admin.topics(Object.values(TOPIC));
  return await Promise.all(
    descriptions.map(async ({ topic, partitions }) => {
      const retention = (await admin.topicSettings(topic))['retention.ms'];
      const retentionMs = retention === undefined || retention === '' ? undefined : Number(retention);
      return { topic, partitions: partitions.length, retentionMs };
    }),
  );
}
