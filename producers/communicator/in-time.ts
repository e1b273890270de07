// Waiting that has an end of its own.

/** Whether it was done in time; what comes later is nobody's business any more. */
export async function within(durationMs: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const tired = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, durationMs, false);
  });
  return await Promise.race([work.then(() => true), tired]).finally(() => clearTimeout(timer));
}
