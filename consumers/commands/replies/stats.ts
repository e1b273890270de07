// How much is going on, where, and what gets lost on the way.
import { defineCommand } from '../definition.ts';
import type { ActivityFact, Facts } from '../facts.ts';
import { countText, durationText, UNKNOWN } from '../wording.ts';

export const stats = defineCommand({
  name: 'stats',
  description: {
    en: 'rates, busiest chats, and losses by stage',
    pt: 'taxas, conversas mais ativas e perdas por etapa',
  },
  parameters: {},
  needs: ['activity', 'losses', 'openByStage'],
  reply: ({ facts, nowMs }) => [...activityText(facts.activity), ...lossText(facts, nowMs)].join('\n'),
});

function activityText(activity: ActivityFact | undefined): readonly string[] {
  if (activity === undefined) return [`Rates: ${UNKNOWN}`, `Busiest chats: ${UNKNOWN}`];
  const { windowMs, events, messages, isCapped, busiest } = activity;
  const perSecond = (count: number): string => (count / (windowMs / 1_000)).toFixed(1);
  const atLeast = isCapped ? 'at least ' : '';
  const rates = `${atLeast}${perSecond(events)} events/s, ${atLeast}${perSecond(messages)} messages/s`;
  const chats = busiest.map(({ chat, events: count }) => `${chat} ${countText(count)}`).join(', ');
  return [
    `Rates over ${durationText(windowMs)}: ${rates}`,
    `Busiest chats${isCapped ? `, of the newest ${countText(events)} events` : ''}: ${chats === '' ? 'none' : chats}`,
  ];
}

function lossText({ losses, openByStage }: Facts, nowMs: number): readonly string[] {
  if (losses === undefined) return [`Losses: ${UNKNOWN}`];
  if (losses === null) return ['Losses: no audit yet'];
  const lines = losses.stages.map(({ stage, verdict }) => {
    const open = openByStage?.[stage] ?? 0;
    return `${stage}: ${verdict}${open === 0 ? '' : `, ${countText(open)} open findings`}`;
  });
  return [
    `Losses by stage, as of ${durationText(nowMs - losses.finishedAtMs)} ago:`,
    ...lines,
    ...(openByStage === undefined ? [`Open findings: ${UNKNOWN}`] : []),
  ];
}
