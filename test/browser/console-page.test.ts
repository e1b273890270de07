// Excludes: a console page that a person cannot get into, that does not follow the system, or that keeps saying "nothing is
// lost" when something is, when nobody judged it lately, or when the page is no longer connected. In a real browser.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { EMPTY_ACCOUNTS } from '../../operator/console/observation.testing.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { launchChromium } from '../support/chromium.ts';
import { type ConsoleUnderTest, startConsoleUnderTest } from '../support/console-under-test.ts';
import { freePorts } from '../support/free-ports.ts';
import { asAdmin, type ScratchDatabase, scratchDatabase } from '../support/scratch-database.ts';

const TOKEN = 'a token for this test';
const INCARNATION = '11111111-1111-7111-8111-111111111111';

let browser: Browser;
let page: Page;
let database: ScratchDatabase;
let supervisor: Server;
let consolePort: number;
let running: ConsoleUnderTest;

beforeAll(async () => {
  browser = await launchChromium();
  supervisor = await standInSupervisor();
});

afterAll(async () => {
  await browser?.close();
  supervisor?.close();
});

beforeEach(async () => {
  database = await scratchDatabase(inject('databaseUrl'));
  [consolePort = 0] = await freePorts(1);
  running = await startHere();
  page = await browser.newPage();
});

afterEach(async () => {
  await page.close();
  await running.stop();
  await database[Symbol.asyncDispose]();
});

describe('console page', () => {
  it('opens with the token only, and then without it in the address', async () => {
    const denied = await page.goto(running.url);
    expect(denied?.status()).toBe(401);
    expect(await page.textContent('h1')).toBe('This console needs a token');

    await page.goto(`${running.url}/?token=${TOKEN}`);
    expect(page.url()).toBe(`${running.url}/`);
    expect((await page.reload())?.status()).toBe(200);
    expect(await page.evaluate('document.cookie')).toBe('');
  });

  it('shows the verdict and a count that grows without a reload, and breaks none of its own rules', async () => {
    const problems: string[] = [];
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text());
    });
    await stored(1_234);
    await judged('pass', { settled: 1_234, stored: 1_234 });
    await open();
    expect(await page.textContent('#verdict')).toBe('Nothing is lost');
    expect(await page.textContent('#stored-rows')).toBe('1,234');
    expect(await page.textContent('.equation')).toContain('1,234 = 1,234 + 0');
    expect(await page.textContent('#services tbody')).toContain('communicator');
    await page.evaluate('document.body.dataset.samePage = "yes"');

    await stored(1_300);
    await shown('#stored-rows').toBe('1,300');
    expect(await page.getAttribute('body', 'data-same-page')).toBe('yes');
    expect(problems).toEqual([]);
  });

  it('turns to "Loss found" by itself and names the offset', async () => {
    await judged('pass', { settled: 10, stored: 10 });
    await open();
    await shown('#verdict').toBe('Nothing is lost');

    await finding(4_711);
    await judged('fail', { settled: 10, stored: 9, missing: 1 });
    await shown('#verdict').toBe('Loss found');
    expect(await page.getAttribute('.headline', 'data-level')).toBe('fail');
    expect(await page.textContent('#findings')).toContain(`${TOPIC.incoming}-3, offset 4711`);
    expect(await page.title()).toContain('Loss found');
  });

  it('does not call an old verdict a present one', async () => {
    await judged('pass', { settled: 10, stored: 10 }, 31);
    await open();
    expect(await page.textContent('#verdict')).toBe('Not known: the audit is stale');
    expect(await page.getAttribute('.headline', 'data-level')).toBe('unknown');
  });

  it('says since when it is not live, and recovers by itself', async () => {
    await judged('pass', { settled: 10, stored: 10 });
    await open();
    await expect
      .poll(() => running.metrics.getSingleMetricAsString('pmc_console_watchers'), { timeout: 30_000 })
      .toMatch(/ 1$/m);
    await running.stop();
    await page.waitForSelector('#connection:not([hidden])');
    expect(await page.textContent('#connection')).toMatch(/^Not live since \d\d:\d\d:\d\d UTC/);
    expect(await page.textContent('#verdict')).toBe('Last seen: Nothing is lost');
    expect(await page.getAttribute('body', 'class')).toBe('not-live');

    running = await startHere();
    // Judged again, as a running audit does: how long the page was away does not matter.
    await judged('pass', { settled: 10, stored: 10 });
    await page.waitForSelector('#connection', { state: 'hidden' });
    await shown('#verdict').toBe('Nothing is lost');
    expect(await page.getAttribute('body', 'class')).toBe('');
  });

  it.each([360, 1_440])('fits a window of %i pixels', async (width) => {
    await page.setViewportSize({ width, height: 800 });
    await judged('pass', { settled: 10, stored: 10 });
    await finding(1);
    await open();
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
  });
});

/** Waits for the text: the page's own rules forbid playwright to wait inside it. */
function shown(selector: string) {
  return expect.poll(() => page.textContent(selector), { timeout: 30_000 });
}

async function open(): Promise<void> {
  await page.goto(`${running.url}/?token=${TOKEN}`);
}

async function startHere(): Promise<ConsoleUnderTest> {
  const { port } = supervisor.address() as AddressInfo;
  return await startConsoleUnderTest({
    port: consolePort,
    token: TOKEN,
    brokers: inject('brokers'),
    databaseUrl: database.url,
    controlUrl: `http://127.0.0.1:${port}`,
    controlToken: undefined,
  });
}

/** Answers as the supervisor and as its one service. */
async function standInSupervisor(): Promise<Server> {
  const server = createServer((request, response) => {
    const { port } = server.address() as AddressInfo;
    const service = { name: 'communicator', pid: 7, state: 'running', restarts: 0, lastExit: null };
    const status = { services: [{ ...service, healthUrl: `http://127.0.0.1:${port}` }] };
    const ready = { ready: true, checks: {}, facts: { counters: { framesReceived: 5 } } };
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(request.url === '/status' ? status : ready));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

async function stored(rows: number): Promise<void> {
  await asAdmin(database.url, (client) =>
    client.query(
      `insert into coverage (incarnation, topic, partition, upper_offset, rows_total) values ($1, $2, 0, $3, $3)
       on conflict (incarnation, partition) do update set rows_total = excluded.rows_total`,
      [INCARNATION, TOPIC.incoming, rows],
    ),
  );
}

async function judged(verdict: string, accounts: Partial<typeof EMPTY_ACCOUNTS>, secondsAgo = 0): Promise<void> {
  const stages = [{ stage: 'log-to-stored', verdict }];
  const report = { coverage: 1, accounts: { ...EMPTY_ACCOUNTS, ...accounts }, stages, perPartition: [], findings: [] };
  await asAdmin(database.url, (client) =>
    client.query(
      `insert into audit.runs (id, mode, started_at, finished_at, verdict, report)
       values (gen_random_uuid()::text, 'live', now(), now() - make_interval(secs => $1), $2, $3)`,
      [secondsAgo, verdict, JSON.stringify(report)],
    ),
  );
}

async function finding(offset: number): Promise<void> {
  const detail = { kind: 'missing', stage: 'log-to-stored', topic: TOPIC.incoming, partition: 3, offset };
  await asAdmin(database.url, (client) =>
    client.query(
      `insert into audit.findings (finding_key, kind, stage, detail, first_run, first_seen_at, last_seen_at)
       values ($1, 'missing', 'log-to-stored', $2, 'r', now(), now())`,
      [`missing|${offset}`, JSON.stringify(detail)],
    ),
  );
}
