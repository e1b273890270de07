/** The answer, or undefined when it has not come in time; the question itself goes on. */
export async function withDeadline<T>(answer: Promise<T>, deadlineMs: number): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(resolve, deadlineMs, undefined);
  try {
    return await Promise.race([answer, promise]);
  } finally {
    clearTimeout(timer);
  }
}
