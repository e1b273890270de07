// The pages of docs/ that are made from code, by file name.
import { readFileSync } from 'node:fs';
import { publishedSchema } from '../../consumers/gap-detector/report-schema.ts';
import { FAULTS } from '../../producers/chaos-socket/faults/table.ts';
import { ERROR_CODES } from '../../service/error-codes.ts';
import { HAZARDS } from '../../test/support/log/hazards.ts';
import { configurationPage } from './configuration-page.ts';
import { errorsPage } from './errors-page.ts';
import { faultsPage } from './faults-page.ts';
import { type LongRun, logClientsPage } from './log-clients-page.ts';
import { metricsPage } from './metrics-page.ts';
import { protocolPage } from './protocol-page.ts';
import { SERVICES, STACK, TERMINAL } from './rooms.ts';

export async function generatedPages(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ['errors.md', errorsPage(ERROR_CODES)],
    ['configuration.md', configurationPage(STACK, TERMINAL, SERVICES)],
    ['chaos-faults.md', faultsPage(FAULTS.values())],
    ['log-clients.md', logClientsPage(HAZARDS, lastLongRun())],
    ['protocol.md', protocolPage(readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8'))],
    ['metrics.md', await metricsPage(SERVICES)],
    ['audit-report.schema.json', publishedSchema()],
  ]);
}

function lastLongRun(): LongRun {
  return JSON.parse(readFileSync(new URL('../../test/faults/last-long-run.json', import.meta.url), 'utf8')) as LongRun;
}
