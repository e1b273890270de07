// The wall clock as an argument, so that everything that judges by time can be tested without waiting.
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  nowMs(): number;
}

export const systemClock: Clock = { nowMs: () => Date.now() };

/** For intervals: it goes on whatever is done to the wall clock. Its zero means nothing, so what it says is neither told nor kept. */
export const steadyClock: Clock = { nowMs: () => Math.floor(performance.now()) };
