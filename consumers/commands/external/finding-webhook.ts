// Tells a webhook of what the audit finds: every finding once when it opens and once when it is healed, again where it comes
// back. It puts a call into the queue for each; the lane of the webhook makes it like any other. The effect, keyed by webhook,
// finding, opening and state, keeps it from being told again; findings older than the look-back are not told, so that forgetting
// effects tells nothing twice.
//
// A look reads four pages: the newest findings of each rank, so that a loss is told at once whatever else there is, and the
// next page of a round through all of the look-back. The round begins again at its end: what changed may become visible late,
// behind where the round has been.
import { derivedUuid } from '../../../schemas/event-key.ts';
import type { Pool } from '../../../service/database.ts';

/** Findings that changed this long ago are still told of; well below what retention keeps. */
export const LOOK_BACK_HOURS = 1;
export const PAGE_FINDINGS = 200;
/** As in the migration: the heaviest first. */
const RANKS = [0, 1, 2] as const;

/** Of a page: what lies before it, in the order of a rank. The time is the database's text, which is finer than a Date. */
interface Position {
  readonly rank: number;
  readonly changedAt: string;
  readonly findingKey: string;
}

interface FindingRow {
  /** The page that it is on, from 1. */
  readonly page: number;
  readonly finding_key: string;
  readonly kind: string;
  readonly stage: string;
  readonly state: 'open' | 'healed';
  readonly first_seen_at: Date;
  readonly opened_at: Date;
  readonly changed_at: string;
  readonly detail: unknown;
}

// The time of the statement, not of the clock: only what does not change within a statement can bound the range of an index.
export const CHANGED = `
  select pages.page::int as page, found.*
  from unnest($1::int[], $2::timestamptz[], $3::text[]) with ordinality as pages(of_rank, before, before_key, page)
    cross join lateral (
      select finding_key, kind, stage, state, first_seen_at, opened_at, coalesce(healed_at, opened_at)::text as changed_at, detail
      from audit.findings
      where rank = of_rank and coalesce(healed_at, opened_at) > statement_timestamp() - interval '1 hour' * ${LOOK_BACK_HOURS}
        and (coalesce(healed_at, opened_at), finding_key) < (before, before_key)
      order by coalesce(healed_at, opened_at) desc, audit.findings.finding_key desc limit ${PAGE_FINDINGS}
    ) as found
  order by of_rank, page`;

const QUEUE = `
  with told as (
    select * from unnest($2::uuid[], $3::json[], $4::timestamptz[]) with ordinality as t(event_key, given, received_at, position)
  ), fresh as (
    insert into effects (event_key, kind, target, status, received_at)
    select event_key, 'call', $1, 'pending', received_at from told order by event_key
    on conflict do nothing
    returning event_key
  )
  insert into calls (event_key, target, given, received_at)
  select event_key, $1, given, received_at from told join fresh using (event_key) order by position
  on conflict do nothing`;

export class FindingWebhook {
  readonly #pool: Pool;
  readonly #target: string;
  #round: Position = beginOf(0);

  constructor(pool: Pool, target: string) {
    this.#pool = pool;
    this.#target = target;
  }

  /** Queues a call for each finding on the pages of this look that the webhook has not been told of; returns how many. */
  async look(): Promise<number> {
    const pages = [...RANKS.map(beginOf), this.#round];
    const { rows } = await this.#pool.query<FindingRow>({
      name: 'commands-changed-findings',
      text: CHANGED,
      values: [
        pages.map(({ rank }) => rank),
        pages.map(({ changedAt }) => changedAt),
        pages.map(({ findingKey }) => findingKey),
      ],
    });
    const queued = await this.#queue(rows);
    this.#round = after(
      this.#round,
      rows.filter(({ page }) => page === pages.length),
    );
    return queued;
  }

  async #queue(rows: readonly FindingRow[]): Promise<number> {
    const found = [...new Map(rows.map((row) => [row.finding_key, row])).values()];
    if (found.length === 0) return 0;
    const keys = found.map(({ finding_key, state, opened_at }) =>
      derivedUuid('finding', this.#target, finding_key, state, opened_at.toISOString()),
    );
    const given = found.map((row, index) => JSON.stringify(givenOf(row, keys[index] ?? '')));
    const changed = found.map(({ changed_at }) => changed_at);
    const { rowCount } = await this.#pool.query(QUEUE, [this.#target, keys, given, changed]);
    return rowCount ?? 0;
  }
}

function beginOf(rank: number): Position {
  return { rank, changedAt: 'infinity', findingKey: '' };
}

/** Behind a page that was read: further on in its rank, or the beginning of the next one. */
function after({ rank }: Position, page: readonly FindingRow[]): Position {
  const last = page.at(-1);
  if (last === undefined || page.length < PAGE_FINDINGS) return beginOf((rank + 1) % RANKS.length);
  return { rank, changedAt: last.changed_at, findingKey: last.finding_key };
}

/** What the webhook's templates may name. */
function givenOf({ finding_key, kind, stage, state, first_seen_at, opened_at, detail }: FindingRow, commandId: string) {
  const times = { first_seen_at: first_seen_at.toISOString(), opened_at: opened_at.toISOString() };
  const about = { finding_key, kind, stage, state, ...times };
  return { ...about, finding: { ...about, detail }, command_id: commandId };
}
