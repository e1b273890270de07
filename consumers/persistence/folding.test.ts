import { pino } from 'pino';
import { expect, test, vi } from 'vitest';
import type { Pool } from '../../service/database.ts';
import { Folding } from './folding.ts';

const INCARNATION = '0190a000-0000-7000-8000-00000000000f';
const [BAD, GOOD] = [0, 1];

/** A database in which partitions that are `bad` cannot be folded, and nothing is behind; `begun` has the partitions tried. */
function database() {
  const begun: number[] = [];
  const answers = { bad: new Set([BAD]), begun };
  const query = (asked: string | { readonly text: string; readonly values?: readonly unknown[] }) => {
    if (typeof asked === 'string')
      return Promise.resolve({ command: asked === 'commit' ? 'COMMIT' : 'BEGIN', rows: [] });
    const partition = asked.values?.[1] as number;
    if (asked.text.includes('insert into fold_positions')) {
      begun.push(partition);
      if (answers.bad.has(partition)) return Promise.reject(new Error('no'));
    }
    return Promise.resolve({ rows: [] });
  };
  const client = { query, escapeLiteral: (text: string) => text, on: () => 0, off: () => 0, release: () => 0 };
  return { answers, pool: { connect: () => Promise.resolve(client), query } as unknown as Pool };
}

function folding(pool: Pool, backoff = { initialMs: 1, maxMs: 1 }) {
  const said: boolean[] = [];
  const details: string[] = [];
  const report = (_check: string, isReady: boolean, detail: string): void => {
    said.push(isReady);
    details.push(detail);
  };
  const logger = pino({ level: 'silent' });
  return { said, details, folding: new Folding({ pool, logger, backoff, report, onFolded: () => undefined }) };
}

const at = (partition: number) => ({ incarnation: INCARNATION, partition });

test('a partition that cannot be folded is told until it is folded itself, whatever becomes of the others', async () => {
  const { answers, pool } = database();
  const { said, folding: one } = folding(pool);
  one.wake(at(BAD));
  await vi.waitFor(() => expect(said).toContain(false));
  one.wake(at(GOOD));
  await vi.waitFor(() => expect(answers.begun).toContain(GOOD));
  expect(said).not.toContain(true);
  answers.bad.clear();
  await one.idle();
  expect(said.at(-1)).toBe(true);
});

test('each partition that waits is named, and none that is folded', async () => {
  const { answers, pool } = database();
  const { details, folding: one } = folding(pool, { initialMs: 600_000, maxMs: 600_000 });
  answers.bad.add(GOOD);
  one.wake(at(BAD));
  one.wake(at(GOOD));
  await vi.waitFor(() => expect(details.at(-1)).toBe('partition 0 waits: no; partition 1 waits: no'));
  await one.stop();
});

test('the others do not wait for its pause', async () => {
  const { answers, pool } = database();
  const { folding: one } = folding(pool, { initialMs: 600_000, maxMs: 600_000 });
  one.wake(at(BAD));
  one.wake(at(GOOD));
  await vi.waitFor(() => expect(answers.begun).toEqual([BAD, GOOD]));
  await one.stop();
});

test('its pauses grow though others are folded between them', async () => {
  const { answers, pool } = database();
  const { folding: one } = folding(pool, { initialMs: 50, maxMs: 600_000 });
  const others = setInterval(() => one.wake(at(GOOD)), 1);
  one.wake(at(BAD));
  await vi.waitFor(
    () => expect(answers.begun.filter((partition) => partition === GOOD).length).toBeGreaterThan(100),
    10_000,
  );
  clearInterval(others);
  await one.stop();
  expect(answers.begun.filter((partition) => partition === BAD).length).toBeLessThan(8);
});
