// Reasons that a checkpoint gives for a frame that is on no topic. Producers write them and the audit reads them.

/** The broker refused the event and the rejected frame: nobody was told, and the frame is nowhere. The audit calls it missing. */
export const REFUSED_BY_BROKER = 'refused-by-broker';
