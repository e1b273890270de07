// What the ledger of effects knows before a batch is decided: which of its commands have their effect, what was answered
// lately, and from which time on it remembers. One statement, hence one moment: a command whose effect was forgotten is seen
// together with the mark that says so.
import type { Pool } from '../../service/database.ts';
import { type Answered, LIMIT_WINDOW_MS } from './rules.ts';

/** The detail of an effect whose reply says only that the limit is reached. */
export const LIMITED = 'limited';

export interface Question {
  readonly eventKeys: readonly string[];
  readonly limitKeys: readonly string[];
  /** The earliest and the latest receipt among the commands that these limits are asked for. */
  readonly earliestMs: number;
  readonly latestMs: number;
  /** Endpoints whose waiting calls are to be counted. */
  readonly targets: readonly string[];
}

export interface Ledger {
  readonly known: ReadonlySet<string>;
  readonly answered: readonly Answered[];
  /** Effects of commands that were received before this may be forgotten; -Infinity: none is. */
  readonly remembersFromMs: number;
  /** Calls by target that have not ended. */
  readonly waiting: ReadonlyMap<string, number>;
}

const READ = `
  select 'known' as is, event_key::text as key, null::text as limit_key, null::timestamptz as at, null::boolean as told, null::bigint as count
    from effects where event_key = any($1::uuid[])
  union all
  select 'answered', event_key::text, limit_key::text, received_at, detail = '${LIMITED}', null
    from effects where limit_key = any($2::uuid[]) and received_at > $3 and received_at <= $5
  union all
  select 'forgotten', null, null, before, null, null from forgotten where what = 'effects'
  union all
  select 'waiting', target, null, null, null, count(*) from calls where target = any($4::text[]) group by target`;

interface LedgerRow {
  readonly is: 'known' | 'answered' | 'forgotten' | 'waiting';
  readonly key: string | null;
  readonly limit_key: string | null;
  readonly at: Date | null;
  readonly told: boolean | null;
  readonly count: string | null;
}

export async function readLedger(pool: Pool, question: Question): Promise<Ledger> {
  const { rows } = await pool.query<LedgerRow>({
    name: 'commands-read-ledger',
    text: READ,
    values: [
      question.eventKeys,
      question.limitKeys,
      new Date(question.earliestMs - LIMIT_WINDOW_MS),
      question.targets,
      new Date(question.latestMs),
    ],
  });
  const known = new Set<string>();
  const answered: Answered[] = [];
  const waiting = new Map<string, number>();
  let remembersFromMs = Number.NEGATIVE_INFINITY;
  for (const { is, key, limit_key, at, told, count } of rows) {
    const time = at?.getTime() ?? 0;
    if (is === 'known') known.add(key ?? '');
    else if (is === 'answered')
      answered.push({ eventKey: key ?? '', limitKey: limit_key ?? '', receivedAtMs: time, isToldOnly: told === true });
    else if (is === 'waiting') waiting.set(key ?? '', Number(count));
    else remembersFromMs = time;
  }
  return { known, answered, remembersFromMs, waiting };
}
