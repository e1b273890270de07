// Waits for a fact, or for a number to stay as it is; says which one it waited for in vain.
import { pause } from '../../../service/backoff.ts';

const DONE_WITHIN_MS = 120_000;
const UNCHANGED_FOR_MS = 1_000;

export async function until(
  what: string,
  check: () => boolean | Promise<boolean>,
  withinMs = DONE_WITHIN_MS,
): Promise<void> {
  const deadline = AbortSignal.timeout(withinMs);
  while (!(await check())) {
    if (deadline.aborted) throw new Error(`waited ${withinMs} ms in vain until ${what}`);
    await pause(50);
  }
}

export async function unchanging(what: string, read: () => Promise<number>): Promise<number> {
  let [now, before] = [await read(), Number.NaN];
  await until(`${what} stays as it is`, async () => {
    await pause(UNCHANGED_FOR_MS);
    [now, before] = [await read(), now];
    return now === before;
  });
  return now;
}
