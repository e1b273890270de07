import { expect, it } from 'vitest';
import { DatabaseCheck } from './database-check.ts';

function check() {
  const said: string[] = [];
  return { said, database: new DatabaseCheck((isReady, detail) => said.push(`${isReady} ${detail}`)) };
}

it('is not ready while a step fails, whatever else is answered', () => {
  const { said, database } = check();
  const [post, ledger] = [{}, {}];
  database.answered(undefined);
  database.failed(post, 'read-only');
  database.answered(undefined);
  database.succeeded(ledger);
  database.answered('does not answer');
  database.succeeded(post);
  expect(said).toEqual([
    ...['true answers', 'false read-only', 'false read-only', 'false read-only', 'false does not answer'],
    'true answers',
  ]);
});

it('is what the next question says once nobody wants the step any more', () => {
  const { said, database } = check();
  const step = {};
  database.failed(step, 'read-only');
  database.abandoned(step);
  database.answered(undefined);
  expect(said).toEqual(['false read-only', 'true answers']);
});
