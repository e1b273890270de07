import { expect, test } from 'vitest';
import { unlessAborted } from './backoff.ts';

test('work goes on until it is done or its signal is aborted, whichever comes first', async () => {
  const stopping = new AbortController();
  expect(await unlessAborted(Promise.resolve('done'), stopping.signal)).toBe('done');
  await expect(unlessAborted(Promise.reject(new Error('failed')), stopping.signal)).rejects.toThrow('failed');
  const never = unlessAborted(new Promise(() => undefined), stopping.signal);
  stopping.abort('told to stop');
  await expect(never).rejects.toBe('told to stop');
  // And whatever it comes to later is nobody's business, not even as a rejection that nobody hears.
  const late = Promise.withResolvers<never>();
  await expect(unlessAborted(late.promise, stopping.signal)).rejects.toBe('told to stop');
  late.reject(new Error('too late'));
});
