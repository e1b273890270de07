// What the audit knows about the asking chat. All of a chat is on one partition of the log, which it shares with others.
import { partitionFor } from '../../../kafka/partitioner.ts';
import { TOPIC } from '../../../schemas/topics.ts';
import { defineCommand } from '../definition.ts';
import { type FindingFact, type LossFact, PLACE } from '../facts.ts';
import { countText, durationText, UNKNOWN } from '../wording.ts';

const FINDINGS_SHOWN_MAX = 5;
const ALL = 'an operator sees all with: pmc audit run';

export const lost = defineCommand({
  name: 'lost',
  description: { en: 'what the audit knows about this chat', pt: 'o que a auditoria sabe sobre esta conversa' },
  parameters: {},
  needs: ['losses', 'topics'],
  reply: ({ chat, actor, source, facts: { losses, topics }, nowMs }) => {
    if (losses === undefined) return `What was lost is ${UNKNOWN}: the audit cannot be asked just now.`;
    if (losses === null) return `What was lost is ${UNKNOWN}: no audit has run yet.`;
    const count = topics?.find(({ topic }) => topic === TOPIC.incoming)?.partitions;
    // As the communicator chooses it.
    const mine = count === undefined ? undefined : partitionFor(chat ?? actor ?? source, count);
    // What another source did not get to us is none of this chat's, nor is what names neither.
    const places = [mine === undefined ? undefined : PLACE.partition(mine), PLACE.source(source)];
    return [summaryText(losses, mine, nowMs), ...findingsText(losses, places)].join('\n');
  },
});

function summaryText({ partitions, finishedAtMs }: LossFact, mine: number | undefined, nowMs: number): string {
  const when = `As of ${durationText(nowMs - finishedAtMs)} ago`;
  if (mine === undefined) return `${when}; where this chat is kept is ${UNKNOWN}.`;
  const found = partitions.find(({ partition }) => partition === mine);
  if (found === undefined) return `${when} the audit had judged nothing where this chat is kept.`;
  const { partition, settled, stored, missing, altered } = found;
  return (
    `${when}, partition ${partition}, which this chat shares with others: ${countText(settled)} settled, ` +
    `${countText(stored)} stored, ${countText(missing)} missing, ${countText(altered)} altered.`
  );
}

function findingsText({ open, isOpenCut }: LossFact, places: readonly (string | undefined)[]): readonly string[] {
  const here = places.flatMap((place) => (place === undefined ? [] : (open.get(place) ?? [])));
  if (here.length === 0) {
    return isOpenCut || places.includes(undefined)
      ? [`Whether anything that concerns this chat is open is ${UNKNOWN}; ${ALL}`]
      : ['Nothing that concerns this chat is open.'];
  }
  const heaviest = here.flatMap((one) => one.heaviest).toSorted((a, b) => a.rank - b.rank);
  const shown = heaviest.slice(0, FINDINGS_SHOWN_MAX);
  const left = here.reduce((sum, { count }) => sum + count, 0) - shown.length;
  return [
    'Open findings that may concern it:',
    ...shown.map(findingText),
    ...(left > 0 ? [`and ${countText(left)} more; ${ALL}`] : []),
  ];
}

function findingText({ kind, stage, eventId, detail }: FindingFact): string {
  const about = eventId === undefined ? '' : ` message ${eventId}`;
  return `${kind}${about} (${stage})${detail === '' ? '' : `: ${detail}`}`;
}
