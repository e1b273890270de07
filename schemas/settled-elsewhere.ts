// Reasons that a checkpoint gives for a frame that is on no topic. Producers write them and the audit reads them.

/** The broker refused the event and the rejected frame: nobody was told, and the frame is nowhere. The audit calls it missing. */
export const REFUSED_BY_BROKER = 'refused-by-broker';

export const SETTLED_ELSEWHERE = {
  /** The same event had come before, under another number. */
  duplicate: 'duplicate',
  /** Typing and presence above their rate: counted, not kept. */
  sampled: 'sampled',
  /** Its peer was told to send it again later. */
  refusedForNow: 'refused-for-now',
  /** The gateway ended before the log had it; its peer was not told that it is safe, and sends it again. */
  unacknowledged: 'unacknowledged',
} as const;

/** The reason of every word about a gateway epoch that is not its own: its process ended, and the next one says what its disk knows. */
export const CLOSED_BY_SUCCESSOR = 'it ended without a word; its successor closed it';

/** As the end of a range: every number from its beginning on, as many as there were. */
export const OPEN_END = Number.MAX_SAFE_INTEGER - 1;
