// Excludes: a client that runs in Node only, that loses what a page had not sent when it is loaded again, that handles a reply twice
// because of it, or that two tabs use at once. The very files of producers/client in a real browser, without a bundler.
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { SocketGateway } from '../../producers/client/socket-gateway.testing.ts';
import { launchChromium } from '../support/chromium.ts';
import { type ModuleServer, serveModules } from '../support/module-server.ts';

const PAGE = `<!doctype html><meta charset="utf-8"><title>client</title>
<script type="module">
  import { connect } from '/producers/client/client.ts';
  import { BrowserStore } from '/producers/client/browser-store.ts';
  window.handled = [];
  window.outcomes = [];
  window.join = async (url) => {
    try {
      window.client = await connect({
        url,
        store: new BrowserStore('test'),
        onDispatch: ({ id }) => void window.handled.push(id),
        onOutcome: (outcome) => void window.outcomes.push(outcome),
      });
      return window.client.status;
    } catch (error) {
      return { error: error.code, message: error.message };
    }
  };
  window.say = (content) =>
    window.client.send({ event: 'message', sender: 'ann', chat: 'c', message_type: 'text', content, metadata: {} });
</script>`;
const NOBODY = 'ws://127.0.0.1:1';

let browser: Browser;
let modules: ModuleServer;
let context: BrowserContext;
let page: Page;
let gateway: SocketGateway;

beforeAll(async () => {
  browser = await launchChromium();
  modules = await serveModules(PAGE);
});
afterAll(async () => {
  await browser?.close();
  await modules?.stop();
});
beforeEach(async () => {
  gateway = await SocketGateway.listen();
  context = await browser.newContext();
  page = await opened();
});
afterEach(async () => {
  await context.close();
  await gateway.stop();
});

async function opened(): Promise<Page> {
  const made = await context.newPage();
  await made.goto(modules.url);
  await made.waitForFunction('window.join !== undefined');
  return made;
}

const inPage = (expression: string, where = page) => where.evaluate<unknown>(expression);
const join = (url: string, where = page) => inPage(`join(${JSON.stringify(url)})`, where);
const eventually = (check: () => Promise<void>) => vi.waitFor(check, { timeout: 60_000, interval: 100 });
/** With a store that another page has let go of, of which the browser may hear later than the test. */
const joinNext = (url: string, where = page) =>
  vi.waitFor(
    async () => {
      const status = await join(url, where);
      if ((status as { error?: string }).error === 'PMC_CLIENT_STORE_BUSY') throw new Error('the store is in use');
      return status;
    },
    { timeout: 60_000, interval: 100 },
  );
const contents = () => gateway.model.log.map(({ text }) => (JSON.parse(text) as { content: string }).content);

test('the files that run in Node run in a page: events are acknowledged with their coordinates over a link that breaks', async () => {
  gateway.breaksAfter = 4;
  await join(gateway.url);
  const told = await inPage(`Promise.all(Array.from({ length: 10 }, (_, index) => say('text ' + index)))`);
  expect(told).toMatchObject(Array.from({ length: 10 }, (_, index) => ({ ok: true, seq: index + 1 })));
  expect(contents()).toEqual(Array.from({ length: 10 }, (_, index) => `text ${index}`));
  expect(gateway.connections).toBeGreaterThan(2);
  expect([...modules.served]).toContain('producers/client/client.ts');
});

test('what was not sent outlives the page, keeps its numbers, and a reply is not handled again', async () => {
  const first = await join(gateway.url);
  await inPage(`say('before')`);
  gateway.model.dispatch('r1');
  gateway.flush();
  await eventually(async () => expect(await inPage('handled')).toEqual(['r1']));
  await inPage('client.close()');
  const away = await join(NOBODY);
  await inPage(`void say('one').catch(() => {}); void say('two').catch(() => {})`);
  // Durable, which nothing but the store can say: a page that is gone says nothing.
  await inPage('client.close()');
  await page.reload();
  await page.waitForFunction('window.join !== undefined');
  gateway.model.dispatch('r2');
  const back = await joinNext(gateway.url);
  await inPage('client.settled()');
  expect([away, back]).toMatchObject(Array.from({ length: 2 }, () => ({ epoch: (first as { epoch: string }).epoch })));
  expect(await inPage('outcomes')).toMatchObject([
    { ok: true, seq: 2 },
    { ok: true, seq: 3 },
  ]);
  expect(contents()).toEqual(['before', 'one', 'two']);
  await eventually(async () => expect([...gateway.model.acknowledged]).toEqual(['r1', 'r2']));
  expect(await inPage('handled')).toEqual(['r2']);
});

test('a page that is closed in the middle has kept what it had acknowledged to nobody', async () => {
  await join(NOBODY);
  await inPage(`void say('kept').catch(() => {})`);
  await eventually(async () => expect(await inPage(STORED)).toEqual(['kept']));
  await page.close();
  page = await opened();
  await joinNext(gateway.url);
  await inPage('client.settled()');
  expect(contents()).toEqual(['kept']);
});

test('a second tab is told that the store is in use, until the first one lets go', async () => {
  await join(gateway.url);
  const second = await opened();
  expect(await join(gateway.url, second)).toMatchObject({ error: 'PMC_CLIENT_STORE_BUSY' });
  await inPage('client.close()');
  expect(await joinNext(gateway.url, second)).toMatchObject({ phase: 'dialling' });
});

/** The contents of the events in the store, as another reader of the database sees them. */
const STORED = `new Promise((resolve) => {
  const opening = indexedDB.open('pmc-client/test', 1);
  opening.onsuccess = () => {
    const reading = opening.result.transaction('entries').objectStore('entries').getAll();
    reading.onsuccess = () => {
      resolve(reading.result.map((text) => JSON.parse(text).content).filter((content) => content !== undefined));
      opening.result.close();
    };
  };
})`;
