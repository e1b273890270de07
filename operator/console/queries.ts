// What the console asks PostgreSQL: persistence's own count, the quarantine and the audit's books. Reads only. A report is
// fetched once per run, because it can be large and never changes.
import type { Verdict } from '../../consumers/gap-detector/verdict.ts';
import { connectionError, type Pool, refusalOf, sqlStateOf } from '../../service/database.ts';
import type { AuditReport } from './audit-report.ts';
import { type AuditFacts, type AuditRun, type OpenFinding, type Readable, readReport } from './audit-report.ts';
import type { DatabaseFacts } from './observation.ts';

/** Ends a query whose server went silent; the connection is then thrown away. */
const QUERY_TIMEOUT_MS = 5_000;
const REPORT_SIZE_MAX_BYTES = 8_388_608;
const FINDINGS_LISTED_MAX = 100;

const TOTALS = `
  select (select coalesce(sum(rows_total), 0) from coverage)::text as stored_rows,
         (select count(*) from quarantine where status = 'open')::text as quarantine_open`;

const NEWEST_RUNS = `
  select newest.*
    from (values ('live'), ('run')) as modes (mode),
         lateral (select id, mode, verdict, finished_at,
                         (extract(epoch from clock_timestamp() - finished_at) * 1000)::float8 as age_ms
                    from audit.runs
                   where runs.mode = modes.mode
                   order by finished_at desc
                   limit 1) as newest`;

const REPORT = `
  select case when octet_length(report::text) <= $2 then report::text end as report from audit.runs where id = $1`;

const OPEN_BY_KIND = `select kind, count(*)::text as open from audit.findings where state = 'open' group by kind`;

const OPEN_HEAVIEST = `
  select kind, stage, detail::text as detail, first_seen_at, last_seen_at
    from audit.findings
   where state = 'open'
   order by rank, first_seen_at desc, finding_key
   limit ${FINDINGS_LISTED_MAX}`;

interface RunRow {
  readonly id: string;
  readonly mode: 'live' | 'run';
  readonly verdict: Verdict;
  readonly finished_at: Date;
  readonly age_ms: number;
}

interface FindingRow {
  readonly kind: string;
  readonly stage: string;
  readonly detail: string;
  readonly first_seen_at: Date;
  readonly last_seen_at: Date;
}

export class DatabaseQueries {
  readonly #pool: Pool;
  readonly #databaseUrl: string;
  #books = new Map<string, Readable<AuditReport>>();

  constructor(pool: Pool, databaseUrl: string) {
    this.#pool = pool;
    this.#databaseUrl = databaseUrl;
  }

  async facts(): Promise<DatabaseFacts> {
    const [totals] = await this.#rows<{ stored_rows: string; quarantine_open: string }>(TOTALS);
    return {
      storedRows: Number(totals?.stored_rows ?? 0),
      quarantineOpen: Number(totals?.quarantine_open ?? 0),
      audit: await this.#audit(),
    };
  }

  async #audit(): Promise<AuditFacts> {
    const newest = await this.#rows<RunRow>(NEWEST_RUNS);
    const books = new Map<string, Readable<AuditReport>>();
    for (const { id } of newest) books.set(id, this.#books.get(id) ?? (await this.#report(id)));
    this.#books = books;
    const runs = newest.map(
      (row): AuditRun => ({
        id: row.id,
        mode: row.mode,
        verdict: row.verdict,
        finishedAt: row.finished_at.toISOString(),
        ageMs: row.age_ms,
        books: books.get(row.id) ?? { ok: false, reason: 'the report is gone' },
      }),
    );
    const counts = await this.#rows<{ kind: string; open: string }>(OPEN_BY_KIND);
    const listed = counts.length === 0 ? [] : await this.#rows<FindingRow>(OPEN_HEAVIEST);
    return {
      live: runs.find(({ mode }) => mode === 'live'),
      run: runs.find(({ mode }) => mode === 'run'),
      open: Object.fromEntries(counts.map(({ kind, open }) => [kind, Number(open)])),
      listed: listed.map(openFinding),
    };
  }

  async #report(id: string): Promise<Readable<AuditReport>> {
    const [row] = await this.#rows<{ report: string | null }>(REPORT, [id, REPORT_SIZE_MAX_BYTES]);
    if (row === undefined) return { ok: false, reason: 'the report is gone' };
    if (row.report === null) {
      return { ok: false, reason: 'the report is larger than 8 MiB; read it with `pmc audit run --json`' };
    }
    return readReport(JSON.parse(row.report));
  }

  async #rows<R extends object>(text: string, values: readonly unknown[] = []): Promise<readonly R[]> {
    const query = { text, values: [...values], query_timeout: QUERY_TIMEOUT_MS };
    try {
      const { rows } = await this.#pool.query<R>(query);
      return rows;
    } catch (cause) {
      if (sqlStateOf(cause) !== undefined && refusalOf(cause) === undefined) throw cause;
      throw connectionError(this.#databaseUrl, cause);
    }
  }
}

function openFinding({ kind, stage, detail, first_seen_at, last_seen_at }: FindingRow): OpenFinding {
  const parsed: unknown = JSON.parse(detail);
  return {
    kind,
    stage,
    firstSeenAt: first_seen_at.toISOString(),
    lastSeenAt: last_seen_at.toISOString(),
    detail: typeof parsed === 'object' && parsed !== null ? { ...parsed } : {},
  };
}
