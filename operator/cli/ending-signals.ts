// What asks a command to end. By itself each would end the process at once, with whatever that leaves behind.
export const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** While the work goes on, these signals do this instead. */
export async function onEndingSignals<T>(act: (signal: NodeJS.Signals) => void, work: () => Promise<T>): Promise<T> {
  for (const signal of ENDING_SIGNALS) process.on(signal, act);
  try {
    return await work();
  } finally {
    for (const signal of ENDING_SIGNALS) process.off(signal, act);
  }
}
