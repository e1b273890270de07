// Excludes: a console that fails, hangs or looks healthy when the sources behind it do not answer.
import { describe, expect, it } from 'vitest';
import { WATCHERS_MAX } from '../../operator/console/watchers.ts';
import { type ConsoleUnderTest, startConsoleUnderTest } from '../support/console-under-test.ts';
import { freePorts } from '../support/free-ports.ts';

const TOKEN = 'a token for this test';
const headers = { authorization: `Bearer ${TOKEN}` };

async function withEverythingAway(use: (console: ConsoleUnderTest) => Promise<void>): Promise<void> {
  const [kafka, database, control] = await freePorts(3);
  const console = await startConsoleUnderTest({
    port: 0,
    token: TOKEN,
    brokers: [`127.0.0.1:${kafka}`],
    databaseUrl: `postgres://postgres:secret-password@127.0.0.1:${database}/pmc`,
    controlUrl: `http://127.0.0.1:${control}`,
    controlToken: 'another',
  });
  try {
    await use(console);
  } finally {
    await console.stop();
  }
}

describe('console with everything away', () => {
  it('serves the page, says what is away, and claims nothing', async () => {
    await withEverythingAway(async ({ url }) => {
      const response = await fetch(url, { headers });
      const text = await response.text();
      expect(response.status).toBe(200);
      for (const name of ['The database is away', 'Kafka is away', 'The supervisor is away'])
        expect(text).toContain(name);
      expect(text).not.toContain('Nothing is lost');
      expect(text).not.toContain('secret-password');
    });
  });

  it('answers the snapshot with unknowns instead of zeros', async () => {
    await withEverythingAway(async ({ url }) => {
      const snapshot: unknown = await (await fetch(`${url}/api/snapshot`, { headers })).json();
      expect(snapshot).toMatchObject({
        schemaVersion: 1,
        headline: { level: 'unknown' },
        storedRows: null,
        quarantineOpen: null,
        services: null,
        lag: null,
        audit: { isStale: true, live: null, run: null },
      });
    });
  });

  it.each(['/', '/app.js', '/page.css', '/api/snapshot', '/api/live', '/live', '/nothing'])(
    'refuses %s without the token',
    async (path) => {
      await withEverythingAway(async ({ url, metrics }) => {
        expect((await fetch(`${url}${path}`)).status).toBe(401);
        expect((await fetch(`${url}${path}?token=wrong`)).status).toBe(401);
        expect(await metrics.getSingleMetricAsString('pmc_console_requests_denied_total')).toMatch(/ 2$/m);
      });
    },
  );

  it('lets a bounded number follow it live, refuses one more, and admits again when one has left', async () => {
    await withEverythingAway(async ({ url, metrics }) => {
      const aborts = Array.from({ length: WATCHERS_MAX }, () => new AbortController());
      const follow = (signal: AbortSignal): Promise<Response> => fetch(`${url}/api/live`, { headers, signal });
      const streams = await Promise.all(aborts.map(({ signal }) => follow(signal)));
      expect(streams.every(({ status }) => status === 200)).toBe(true);

      const refused = await fetch(`${url}/api/live`, { headers });
      expect(refused.status).toBe(503);
      expect(await refused.json()).toMatchObject({ error: { code: 'PMC_CONSOLE_BUSY' } });
      expect(await metrics.getSingleMetricAsString('pmc_console_watchers_refused_total')).toMatch(/ 1$/m);

      aborts[0]?.abort();
      await expect
        .poll(() => metrics.getSingleMetricAsString('pmc_console_watchers'), { timeout: 10_000 })
        .toMatch(/ 49$/m);
      const last = new AbortController();
      expect((await follow(last.signal)).status).toBe(200);
      for (const abort of [...aborts, last]) abort.abort();
    });
  });

  it('sends whole snapshots, one after the other, to a script that follows it', async () => {
    await withEverythingAway(async ({ url }) => {
      const abort = new AbortController();
      const { body } = await fetch(`${url}/api/live`, { headers, signal: abort.signal });
      let text = '';
      for await (const chunk of body ?? []) {
        text += Buffer.from(chunk).toString('utf8');
        if (text.split('event: snapshot').length > 3) break;
      }
      abort.abort();
      const sequences = [...text.matchAll(/"sequence":(\d+)/g)].map(([, sequence]) => Number(sequence));
      expect(sequences.slice(0, 2)).toEqual([1, 2]);
    });
  });
});
