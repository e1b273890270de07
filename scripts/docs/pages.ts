// The pages of docs/ that are made from code, by file name.
import { ERROR_CODES } from '../../service/error-codes.ts';
import { configurationPage } from './configuration-page.ts';
import { errorsPage } from './errors-page.ts';
import { metricsPage } from './metrics-page.ts';
import { SERVICES, STACK } from './rooms.ts';

export async function generatedPages(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ['errors.md', errorsPage(ERROR_CODES)],
    ['configuration.md', configurationPage(STACK, SERVICES)],
    ['metrics.md', await metricsPage(SERVICES)],
  ]);
}
