// The topics this system writes to, and the one plan that the embedded stack and compose both follow. Delete-only and
// without transactions, so offsets are contiguous and any hole is a finding.
export const TOPIC = {
  incoming: 'pmc.messages.incoming',
  outgoing: 'pmc.messages.outgoing',
  rejected: 'pmc.messages.rejected',
  sources: 'pmc.sources',
} as const;

export type TopicName = (typeof TOPIC)[keyof typeof TOPIC];

export const GROUP = {
  persistence: 'pmc-persistence',
  commands: 'pmc-commands',
  gapDetector: 'pmc-gap-detector',
  communicator: 'pmc-communicator',
} as const;

const DAY_MS = 86_400_000;

export interface TopicPlan {
  readonly topic: TopicName;
  readonly partitionsEmbedded: number;
  readonly partitionsDistributed: number;
  /** Milliseconds. Rejected and sources outlive incoming, so that the audit never loses its ledger first. */
  readonly retentionMs: number;
}

export const TOPIC_PLANS: readonly TopicPlan[] = [
  { topic: TOPIC.incoming, partitionsEmbedded: 6, partitionsDistributed: 12, retentionMs: 7 * DAY_MS },
  { topic: TOPIC.outgoing, partitionsEmbedded: 6, partitionsDistributed: 12, retentionMs: 7 * DAY_MS },
  { topic: TOPIC.rejected, partitionsEmbedded: 6, partitionsDistributed: 6, retentionMs: 30 * DAY_MS },
  { topic: TOPIC.sources, partitionsEmbedded: 6, partitionsDistributed: 6, retentionMs: 30 * DAY_MS },
];

/** Topic settings that hold everywhere; durability settings depend on the number of brokers. */
export const TOPIC_SETTINGS = {
  'cleanup.policy': 'delete',
  'compression.type': 'producer',
  'message.timestamp.type': 'CreateTime',
  'max.message.bytes': '1048588',
  'unclean.leader.election.enable': 'false',
} as const;
