// Waiting that has an end of its own.
import { PmcError } from '../../service/errors.ts';

/** Whether it was done in time; what comes later is nobody's business any more. */
export async function within(durationMs: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const tired = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, durationMs, false);
  });
  return await Promise.race([work.then(() => true), tired]).finally(() => clearTimeout(timer));
}

/** What the log answers; throws PMC_KAFKA_UNREACHABLE where that takes longer. */
export async function answeredWithin<T>(durationMs: number, question: Promise<T>): Promise<T> {
  if (await within(durationMs, question)) return await question;
  throw new PmcError('PMC_KAFKA_UNREACHABLE', `the log has not answered within ${durationMs} ms`);
}
