// A topic may be deleted and made again while it is audited: whoever has asked for its ends then holds the rows of one log against the end
// of another.
import type { LogAdmin, TopicDescription } from '../../kafka/log.ts';
import { PmcError } from '../../service/errors.ts';

/** Throws PMC_TOPIC_RECREATED. To be asked before anything is written down or told of the topic. */
export async function mustBeSame(
  admin: Pick<LogAdmin, 'topics'>,
  { topic, incarnation }: Pick<TopicDescription, 'topic' | 'incarnation'>,
): Promise<void> {
  const [now] = await admin.topics([topic]);
  if (now !== undefined && now.incarnation !== incarnation) throw recreated(now, incarnation);
}

export function recreated({ topic, incarnation }: TopicDescription, audited: string): PmcError {
  const message = `topic ${topic} was deleted and created again while it was being audited`;
  return new PmcError('PMC_TOPIC_RECREATED', message, { topic, before: audited, now: incarnation });
}
