// docs/metrics.md, from the metrics that the services really register.
import { Registry } from 'prom-client';
import { code, GENERATED_NOTE, table } from './markdown.ts';
import type { Room } from './rooms.ts';

const OPENING = `# Metrics

Every service serves Prometheus metrics on its health port under \`/metrics\` (beside \`/health\` and \`/ready\`); \`pmc status\`
lists the addresses. Each metric carries the label \`service\` in addition to those below. Counters end in \`_total\`, times
are in seconds. No label ever holds the id of a user, a chat or a message. Node's own metrics (\`process_…\`, \`nodejs_…\`) are
exported as well.
`;

interface Metric {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
  readonly help: string;
}

export async function metricsPage(services: readonly Room[]): Promise<string> {
  const rows = new Map<string, { metric: Metric; exporters: string[] }>();
  for (const { name, metrics } of services) {
    for (const metric of await metricsOf(metrics)) {
      const key = JSON.stringify(metric);
      const known = rows.get(key) ?? { metric, exporters: [] };
      known.exporters.push(name);
      rows.set(key, known);
    }
  }
  const sorted = [...rows.values()].sort((a, b) => (a.metric.name < b.metric.name ? -1 : 1));
  const cells = sorted.map(({ metric: { name, type, labels, help }, exporters }) => [
    code(name),
    type,
    labels.map(code).join(', '),
    help,
    exporters.join(', '),
  ]);
  return [OPENING, GENERATED_NOTE, table(['Metric', 'Type', 'Labels', 'Meaning', 'Service'], cells)].join('\n');
}

async function metricsOf(registrations: Room['metrics']): Promise<readonly Metric[]> {
  const registry = new Registry();
  for (const register of registrations) register(registry);
  const labels = new Map(registry.getMetricsAsArray().map((metric) => [metric.name, labelNamesOf(metric)]));
  const described = await registry.getMetricsAsJSON();
  return described.map(({ name, help, type }) => ({ name, help, type: String(type), labels: labels.get(name) ?? [] }));
}

/** The library keeps the names on the metric and leaves them out of its types. */
function labelNamesOf(metric: object): readonly string[] {
  if (!('labelNames' in metric) || !Array.isArray(metric.labelNames)) return [];
  return metric.labelNames.map(String);
}
