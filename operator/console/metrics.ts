// What the console counts about itself.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export interface ConsoleMetrics {
  readonly watchers: Gauge;
  readonly watchersRefused: Counter;
  readonly updatesSkipped: Counter;
  readonly requestsDenied: Counter;
  readonly sourceFailures: Counter<'source'>;
  readonly sampleDuration: Histogram;
}

export function consoleMetrics(registry: Registry): ConsoleMetrics {
  const registers = [registry];
  return {
    watchers: new Gauge({
      name: 'pmc_console_watchers',
      help: 'Connections that follow the console live.',
      registers,
    }),
    watchersRefused: new Counter({
      name: 'pmc_console_watchers_refused_total',
      help: 'Live connections refused because the limit was reached.',
      registers,
    }),
    updatesSkipped: new Counter({
      name: 'pmc_console_updates_skipped_total',
      help: 'Snapshots not sent to a watcher that had not yet read the previous ones.',
      registers,
    }),
    requestsDenied: new Counter({
      name: 'pmc_console_requests_denied_total',
      help: 'Requests answered 401 because the token was missing or wrong.',
      registers,
    }),
    sourceFailures: new Counter({
      name: 'pmc_console_source_failures_total',
      help: 'Looks at a source (database, kafka, control) that brought no answer in time.',
      labelNames: ['source'],
      registers,
    }),
    sampleDuration: new Histogram({
      name: 'pmc_console_sample_duration_seconds',
      help: 'Time to look at all sources and make one snapshot.',
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2],
      registers,
    }),
  };
}
