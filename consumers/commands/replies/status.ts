// Is the system well: its services, how far its consumers are behind, how much is stored and what the audit says of it.
import { defineCommand } from '../definition.ts';
import type { AuditFact, GroupLag, ServiceFact } from '../facts.ts';
import { countText, durationText, UNKNOWN } from '../wording.ts';

export const status = defineCommand({
  name: 'status',
  description: {
    en: 'services, lag, what is stored and what the audit says of it',
    pt: 'serviços, atraso, o que está guardado e o que a auditoria diz disso',
  },
  parameters: {},
  needs: ['services', 'lags', 'stored', 'audit'],
  reply: ({ facts, nowMs }) =>
    [
      `Services: ${facts.services === undefined ? UNKNOWN : facts.services.map(serviceText).join(', ') || 'none'}`,
      `Lag: ${facts.lags === undefined ? UNKNOWN : facts.lags.map(lagText).join(', ')}`,
      `Stored: ${countText(facts.stored)}${facts.stored === undefined ? '' : ' messages and events'}`,
      `Audit: ${auditText(facts.audit, nowMs)}`,
    ].join('\n'),
});

function serviceText({ name, state, restarts }: ServiceFact): string {
  return restarts === 0 ? `${name} ${state}` : `${name} ${state} (restarted ${countText(restarts)} ×)`;
}

function lagText({ group, lag, unknownPartitions }: GroupLag): string {
  if (lag === undefined) return `${group} ${UNKNOWN}`;
  const partly = unknownPartitions === 0 ? '' : ` or more (${unknownPartitions} partitions ${UNKNOWN})`;
  return `${group} ${countText(lag)}${partly}`;
}

function auditText(audit: AuditFact | null | undefined, nowMs: number): string {
  if (audit === undefined) return UNKNOWN;
  if (audit === null) return 'no audit yet';
  const { settled, stored, missing } = audit;
  const counts =
    settled === undefined
      ? ''
      : `; settled ${countText(settled)}, stored ${countText(stored)}, missing ${countText(missing)}`;
  return `${audit.verdict} ${durationText(nowMs - audit.finishedAtMs)} ago${counts}`;
}
