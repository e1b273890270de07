import { expect, test } from 'vitest';
import { ENDING_SIGNALS } from './ending-signals.ts';
import { asOperator } from './operator-action.ts';

const listening = () => ENDING_SIGNALS.map((signal) => process.listeners(signal));

test.each([0, 1, 2])('the first signal (%i) lets any second one end the process', async (which) => {
  const before = listening();
  const action = { databaseUrl: 'none', subject: 's', done: () => undefined };
  const { stdout, stderr } = process;
  const cli = { environment: {}, stdout, stderr, endWith: () => undefined };
  let left: ReturnType<typeof listening> = [];
  const work = asOperator(action, cli, (signal) => {
    const own = listening()[which]?.find((one) => before[which]?.includes(one) === false);
    own?.('SIGINT');
    left = listening();
    signal.throwIfAborted();
    return Promise.resolve();
  });
  await expect(work).rejects.toMatchObject({ code: 'PMC_INTERRUPTED' });
  expect(left).toEqual(before);
});
