// What Prometheus is told in compose: every service is scraped where it listens, and every alert speaks of metrics, labels,
// topics and groups that exist. A misspelt metric would make an alert that never fires.
import { Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { SERVICE_NAMES } from '../operator/supervisor/services.ts';
import { GROUP, TOPIC } from '../schemas/topics.ts';
import { SERVICES } from '../scripts/docs/rooms.ts';
import { COMPOSE_FILE } from './support/compose-file.ts';
import { readProjectFile } from './support/project-files.ts';

const prometheus = z
  .object({
    rule_files: z.array(z.string()),
    scrape_configs: z.array(
      z.object({
        job_name: z.string(),
        dns_sd_configs: z
          .array(z.object({ names: z.array(z.string()), type: z.string(), port: z.number() }))
          .optional(),
      }),
    ),
  })
  .parse(parse(readProjectFile('compose/prometheus/prometheus.yml')));

const alerts = z
  .object({
    groups: z.array(
      z.object({
        name: z.string(),
        rules: z.array(
          z.object({
            alert: z.string(),
            expr: z.string(),
            for: z.string().optional(),
            labels: z.object({ severity: z.enum(['critical', 'warning', 'info']) }),
            annotations: z.object({ summary: z.string(), description: z.string() }),
          }),
        ),
      }),
    ),
  })
  .parse(parse(readProjectFile('compose/prometheus/alerts.yml')))
  .groups.flatMap(({ rules }) => rules);

/** The labels of each metric that a service exports; `up` is Prometheus's own. */
const LABELS = new Map<string, readonly string[]>([['up', ['job', 'instance']]]);
for (const { metrics } of SERVICES) {
  const registry = new Registry();
  for (const register of metrics) register(registry);
  for (const metric of registry.getMetricsAsArray()) {
    const own = 'labelNames' in metric && Array.isArray(metric.labelNames) ? metric.labelNames.map(String) : [];
    LABELS.set(metric.name, [...own, ...(LABELS.get(metric.name) ?? [])]);
  }
}

const FUNCTIONS = new Set(['sum', 'max', 'min', 'abs', 'rate', 'increase', 'min_over_time', 'absent', 'time']);
const WORDS = new Set(['by', 'or', 'unless', 'offset']);

/** What is wrong with the names in an expression. */
function problemsOf(expr: string): readonly string[] {
  const problems: string[] = [];
  let used: readonly string[] = [];
  // Selectors first: `name{label="value"}`; then the bare names that are left.
  const rest = expr.replace(/(\w+)\{([^}]*)\}/g, (_, name: string, selector: string) => {
    const labels = LABELS.get(name);
    if (labels === undefined) problems.push(`no metric ${name}`);
    for (const [, label = '', value = ''] of selector.matchAll(/(\w+)="([^"]*)"/g)) {
      if (labels !== undefined && !labels.includes(label)) problems.push(`${name} has no label ${label}`);
      if (label === 'topic' && !Object.values<string>(TOPIC).includes(value)) problems.push(`no topic ${value}`);
      if (label === 'group' && !Object.values<string>(GROUP).includes(value)) problems.push(`no group ${value}`);
      if (label === 'job' && !SERVICE_NAMES.some((one) => one === value)) problems.push(`no job ${value}`);
    }
    used = [...used, ...(labels ?? [])];
    return '';
  });
  const bare = [...rest.replace(/\bby \([^)]*\)|\[[^\]]*\]|\boffset \w+/g, '').matchAll(/\b[a-z_]\w*/g)].map(
    ([name]) => name,
  );
  for (const name of bare) {
    if (FUNCTIONS.has(name) || WORDS.has(name)) continue;
    const labels = LABELS.get(name);
    if (labels === undefined) problems.push(`no metric ${name}`);
    if (labels?.includes('side')) problems.push(`${name} of both sides: users stand for sources`);
    used = [...used, ...(labels ?? [])];
  }
  for (const [, by = ''] of expr.matchAll(/\bby \(([^)]*)\)/g)) {
    for (const label of by.split(',').map((one) => one.trim())) {
      if (!used.includes(label)) problems.push(`nothing has the label ${label}`);
    }
  }
  return problems;
}

describe('prometheus.yml', () => {
  test.for([...SERVICE_NAMES])('scrapes every replica of %s where it serves its metrics', (name) => {
    const job = prometheus.scrape_configs.find((one) => one.job_name === name);
    const port = Number(COMPOSE_FILE.services[name]?.environment['PMC_HEALTH_PORT']);
    expect(job?.dns_sd_configs).toEqual([{ names: [name], type: 'A', port }]);
  });

  test('scrapes nothing that does not exist', () => {
    const jobs = prometheus.scrape_configs.map(({ job_name }) => job_name);
    expect(jobs.filter((job) => !(job in COMPOSE_FILE.services))).toEqual([]);
  });

  test('has the alerts', () => {
    expect(prometheus.rule_files).toEqual(['alerts.yml']);
    expect(COMPOSE_FILE.services['prometheus']?.volumes).toContain('./prometheus:/etc/prometheus:ro');
    expect(COMPOSE_FILE.services['prometheus']?.command).toContain('--config.file=/etc/prometheus/prometheus.yml');
  });
});

describe('alerts.yml', () => {
  test.for(alerts)('$alert names only what exists', ({ expr }) => {
    expect(problemsOf(expr)).toEqual([]);
  });

  test('has one rule for each name', () => {
    expect(new Set(alerts.map(({ alert }) => alert)).size).toBe(alerts.length);
  });

  test.for([
    ['sum(pmc_audit_missing_message) > 0', 'no metric pmc_audit_missing_message'],
    ['rate(pmc_produce_total{outcom="acked"}[5m])', 'pmc_produce_total has no label outcom'],
    ['pmc_produce_total{topic="pmc.messages.incomming"}', 'no topic pmc.messages.incomming'],
    ['pmc_consumed_messages_total{group="pmc-persistance"}', 'no group pmc-persistance'],
    ['absent(up{job="persistance"})', 'no job persistance'],
    ['sum(pmc_connections) == 0', 'pmc_connections of both sides: users stand for sources'],
    ['sum by (partitions) (pmc_audit_missing_messages)', 'nothing has the label partitions'],
  ])('%s would be noticed', ([expr = '', problem]) => {
    expect(problemsOf(expr)).toEqual([problem]);
  });
});
