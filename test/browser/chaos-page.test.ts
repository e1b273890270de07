// Excludes: a page of the simulator that shows nothing, that steers nothing, or that hides why a request was refused. In a
// real browser.
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { launchChromium } from '../support/chromium.ts';
import { meet, startSimulator } from '../support/simulator.ts';

let browser: Browser;
let page: Page;

beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(() => browser?.close());
beforeEach(async () => {
  page = await browser.newPage();
});
afterEach(() => page.close());

const text = (id: string) => page.locator(`#${id}`).textContent();
const eventually = (check: () => Promise<void>) => vi.waitFor(check, { timeout: 60_000, interval: 100 });

test('shows the run, its numbers and its connections, and follows them', async () => {
  const simulator = await startSimulator({ PMC_CHAOS_RATE: '50', PMC_CHAOS_SEED: '42' });
  await meet(`${simulator.wsUrl}/one`);
  await page.goto(simulator.apiUrl);
  await eventually(async () => {
    expect([await text('seed'), Number(await text('sent'))]).toEqual(['42', expect.any(Number)]);
    expect(await text('connections')).toContain('connection-1/one');
  });
  const before = Number(await text('sent'));
  await eventually(async () => expect(Number(await text('sent'))).toBeGreaterThan(before));
  await eventually(async () => expect(Number(await text('rate'))).toBeGreaterThan(10));
  expect(await page.locator('#trouble').isVisible()).toBe(false);
});

test('arms and disarms a fault, changes the profile, and says why a request was refused', async () => {
  const simulator = await startSimulator({ PMC_CHAOS_PROFILE: 'demo' });
  await meet(simulator.wsUrl);
  await page.goto(simulator.apiUrl);
  await eventually(async () => expect(await page.locator('#fault option').count()).toBe(37));
  await page.selectOption('#fault', 'duplicate');
  await page.fill('#probability', '1');
  await page.fill('#options', '{"times": 4}');
  expect(await text('explained')).toContain('times=2');
  await page.click('#fault-form button');
  await eventually(async () => expect(Number(await text('fired'))).toBeGreaterThan(0));
  const armed = async () => (await simulator.get('/api/faults')).body['armed'] as object[];
  expect(await armed()).toMatchObject([{ fault: 'duplicate', probability: 1, options: { times: 4 } }]);
  await page.fill('#options', '{"times": 4000}');
  await page.click('#fault-form button');
  await eventually(async () => expect(await text('trouble')).toContain('times'));
  await page.click('#armed button');
  await eventually(async () => expect(await armed()).toEqual([]));
  await page.selectOption('#profile', 'idle');
  await page.click('#profile-form button');
  await eventually(async () => expect((await simulator.get('/api/profiles')).body['current']).toBe('idle'));
});

test('asks for its token once, and then goes by the cookie', async () => {
  const token = 'a token for this test';
  const simulator = await startSimulator({ PMC_CHAOS_TOKEN: token });
  expect((await page.goto(simulator.apiUrl))?.status()).toBe(401);
  await page.goto(`${simulator.apiUrl}/?token=${encodeURIComponent(token)}`);
  expect(page.url()).toBe(`${simulator.apiUrl}/`);
  await eventually(async () => expect(await text('run')).toMatch(/^[0-9A-Z]{26}$/));
});
