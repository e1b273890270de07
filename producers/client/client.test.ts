// The client over real WebSockets, against the model gateway: what callers see, what stays in a store, and how it ends.
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { PROTOCOL_LIMITS } from '../../schemas/protocol/codes.ts';
import { connect } from './client.ts';
import type { ClientOptions } from './client-options.ts';
import { SocketGateway } from './socket-gateway.testing.ts';
import { type ClientStore, MemoryStore } from './store.ts';

/** For what goes over a socket, or waits as long as the client does before it tries again. */
const PATIENCE_MS = 20_000;
const EVENT = { event: 'message', sender: 'a', chat: 'c', message_type: 'text', content: 'hello', metadata: {} };

async function gateway(options: Parameters<typeof SocketGateway.listen>[0] = {}) {
  const server = await SocketGateway.listen(options);
  onTestFinished(() => server.stop());
  return server;
}

async function client(url: string, options: Partial<ClientOptions> = {}) {
  const made = await connect({ url, store: new MemoryStore(), onDispatch: () => undefined, ...options });
  onTestFinished(() => made.close());
  return made;
}

test('an acknowledgement has the coordinates, and fills in id and time', async () => {
  const server = await gateway();
  const one = await client(server.url);
  const first = await one.send(EVENT);
  const second = await one.send({ ...EVENT, id: 'mine', timestamp: 'then' });
  expect([first, second]).toMatchObject([
    { ok: true, seq: 1, at: { topic: 'in', partition: 0, offset: 0 }, isDuplicate: false },
    { ok: true, seq: 2, id: 'mine', at: { offset: 1 } },
  ]);
  const sent = server.model.log.map(({ text }) => JSON.parse(text) as Record<string, unknown>);
  expect(sent[0]).toMatchObject({
    ...EVENT,
    id: expect.stringMatching(/^[0-9A-Z]{26}$/),
    seq: 1,
    stream: one.status.stream,
  });
  expect(Math.abs(Date.parse(String(sent[0]?.['timestamp'])) - Date.now())).toBeLessThan(60_000);
  expect(sent[1]).toMatchObject({ id: 'mine', timestamp: 'then', seq: 2 });
});

test('a connection that breaks every few events costs nothing', async () => {
  const server = await gateway();
  server.breaksAfter = 7;
  const one = await client(server.url);
  const told = await Promise.all(Array.from({ length: 60 }, (_, index) => one.send({ ...EVENT, id: `e${index}` })));
  expect(told.map(({ id }) => id)).toEqual(Array.from({ length: 60 }, (_, index) => `e${index}`));
  expect(server.model.log.map(({ id }) => id)).toEqual(told.map(({ id }) => id));
  expect(server.connections).toBeGreaterThanOrEqual(8);
});

test('what a closed client could not send is sent by the next one on its store, in the same epoch', async () => {
  const server = await gateway();
  const store = new MemoryStore();
  const away = await client('ws://127.0.0.1:1', { store, stream: 'mine' });
  const sending = [away.send({ ...EVENT, id: 'one' }), away.send({ ...EVENT, id: 'two' })];
  await vi.waitFor(async () => expect((await store.open()).size).toBe(3), PATIENCE_MS);
  await away.close();
  expect(await Promise.allSettled(sending)).toMatchObject([
    { status: 'rejected', reason: { code: 'PMC_CLIENT_CLOSED' } },
    { status: 'rejected', reason: { code: 'PMC_CLIENT_CLOSED' } },
  ]);
  await expect(away.send(EVENT)).rejects.toMatchObject({ code: 'PMC_CLIENT_CLOSED' });
  const outcomes: unknown[] = [];
  const back = await client(server.url, { store, onOutcome: (outcome) => outcomes.push(outcome) });
  await back.settled();
  expect(outcomes).toMatchObject([
    { ok: true, id: 'one', seq: 1 },
    { ok: true, id: 'two', seq: 2 },
  ]);
  expect([back.status.epoch, back.status.stream]).toEqual([away.status.epoch, 'mine']);
  await back.close();
  await expect(client(server.url, { store, stream: 'yours' })).rejects.toMatchObject({
    code: 'PMC_CLIENT_STORE_FAILED',
  });
  const fresh = await client(server.url, { stream: 'mine' });
  expect(fresh.status.epoch).not.toBe(away.status.epoch);
});

test('a full outbox makes senders wait, in order, and says when they wait too many', async () => {
  const server = await gateway();
  const one = await client('ws://127.0.0.1:1', { outboxMax: 2 });
  const changing = { ...EVENT, id: 'third' };
  void one.send({ ...EVENT, id: 'first' }).catch(() => undefined);
  void one.send({ ...EVENT, id: 'second' }).catch(() => undefined);
  const third = one.send(changing).catch(() => undefined);
  expect(one.status).toMatchObject({ kept: 2, waiting: 1 });
  for (let index = 1; index < 10_000; index++) void one.send(EVENT).catch(() => undefined);
  await expect(one.send(EVENT)).rejects.toMatchObject({ code: 'PMC_CLIENT_FULL' });
  await one.close();
  await third;

  const two = await client(server.url, { outboxMax: 2 });
  const sending = Array.from({ length: 20 }, (_, index) => {
    const event = { ...EVENT, content: `text ${index}` };
    const sent = two.send(event);
    // What the caller does with it afterwards is his own business.
    event.content = 'changed';
    return sent;
  });
  expect(two.status.kept).toBeLessThanOrEqual(2);
  await Promise.all([...sending, two.room()]);
  const contents = server.model.log.map(({ text }) => (JSON.parse(text) as typeof EVENT).content);
  expect(contents).toEqual(Array.from({ length: 20 }, (_, index) => `text ${index}`));
});

describe('an event that cannot be one', () => {
  const cyclic: Record<string, unknown> = { event: 'message' };
  cyclic['metadata'] = cyclic;
  test.for<[unknown, RegExp]>([
    ['text', /an object/],
    [null, /an object/],
    [[], /an object/],
    [{}, /^event:/],
    [{ ...EVENT, seq: 1 }, /^seq:/],
    [{ ...EVENT, op: 'hello' }, /^op:/],
    [{ ...EVENT, id: 'with space' }, /^id:/],
    [{ ...EVENT, id: 5 }, /^id:/],
    [{ ...EVENT, content: 'é'.repeat(PROTOCOL_LIMITS.contentBytes / 2 + 1) }, /^content: 16386 bytes/],
    [{ ...EVENT, metadata: { a: 'x'.repeat(PROTOCOL_LIMITS.metadataBytes) } }, /^metadata:/],
    [{ ...EVENT, more: 'x'.repeat(PROTOCOL_LIMITS.frameBytes) }, /as a frame/],
    [{ ...EVENT, more: JSON.parse('['.repeat(17) + ']'.repeat(17)) as unknown }, /nested deeper/],
    [cyclic, /nested deeper/],
    [{ ...EVENT, big: 1n }, /BigInt/],
  ])('is refused before it has a number: %#', async ([event, why]) => {
    const one = await client('ws://127.0.0.1:1');
    await expect(one.send(event as typeof EVENT)).rejects.toMatchObject({
      code: 'PMC_CLIENT_EVENT_INVALID',
      message: expect.stringMatching(why),
    });
    expect(one.status).toMatchObject({ last: 0, kept: 0 });
  });
});

test('a reply is handled once though it comes twice, and acknowledged after that; a handler that fails gets it again', async () => {
  const server = await gateway();
  const handled: string[] = [];
  let failures = 1;
  const one = await client(server.url, {
    onDispatch: async ({ id }) => {
      await Promise.resolve();
      if (failures-- > 0) throw new Error('not yet');
      handled.push(String(id));
    },
  });
  await one.send(EVENT);
  for (const id of ['r1', 'r2', 'r1', 'r3']) server.model.dispatch(id);
  server.flush();
  await vi.waitFor(() => expect([...server.model.acknowledged]).toEqual(['r1', 'r2', 'r3']), PATIENCE_MS);
  expect(handled).toEqual(['r1', 'r2', 'r3']);
});

describe('it ends, and does not come back, when', () => {
  test.for([
    [4_501, 'PMC_CLIENT_UNAUTHORISED'],
    [4_503, 'PMC_CLIENT_ENDED'],
  ] as const)('the gateway closes with %i', async ([code, error]) => {
    const server = await gateway();
    server.closesWith = code;
    const one = await client(server.url);
    const sending = one.send(EVENT);
    await expect(sending).rejects.toMatchObject({
      code: error,
      message: expect.stringContaining(`${code} as the test wants`),
    });
    expect(await one.ended).toMatchObject({ code: error });
    await expect(one.settled()).rejects.toMatchObject({ code: error });
    expect([server.connections, one.status]).toMatchObject([1, { phase: 'ended', kept: 1 }]);
  });

  test('its store fails: nothing is sent that is not kept', async () => {
    const server = await gateway();
    const { open, close } = new MemoryStore();
    const broken: ClientStore = { open, close, write: () => Promise.reject(new Error('the disk is full')) };
    const one = await client(server.url, { store: broken });
    await expect(one.send(EVENT)).rejects.toMatchObject({
      code: 'PMC_CLIENT_STORE_FAILED',
      message: /the disk is full/,
    });
    expect(server.model.log).toEqual([]);
  });

  test('its store fails once: what gathered meanwhile is not written either, so the store has no hole', async () => {
    const kept = new MemoryStore();
    const [failing, fails] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const once: ClientStore = {
      open: kept.open,
      close: kept.close,
      write: async (changes) => {
        const isSecond = [...changes.values()].some((text) => text?.includes('"second"'));
        if (!isSecond) return await kept.write(changes);
        failing.resolve();
        await fails.promise;
        throw new Error('no room for now');
      },
    };
    const one = await client('ws://127.0.0.1:1', { store: once });
    const first = one.send({ ...EVENT, id: 'first' });
    await vi.waitFor(async () => expect((await kept.open()).size).toBe(2), PATIENCE_MS);
    const second = one.send({ ...EVENT, id: 'second' });
    await failing.promise;
    const sending = [first, second, one.send({ ...EVENT, id: 'third' })];
    fails.resolve();
    const failed = { status: 'rejected', reason: { code: 'PMC_CLIENT_STORE_FAILED' } };
    expect(await Promise.allSettled(sending)).toMatchObject([failed, failed, failed]);
    await one.close();

    const server = await gateway();
    const next = await client(server.url, { store: kept });
    await next.send({ ...EVENT, id: 'next' });
    expect(server.model.log.map(({ id, seq }) => [id, seq])).toEqual([
      ['first', 1],
      ['next', 2],
    ]);
  });
});

test('where no pmc.v1 is spoken it never says hello, and goes on trying', async () => {
  const server = await gateway({ speaks: false });
  const notices: unknown[] = [];
  const one = await client(server.url, { onNotice: (notice) => notices.push(notice) });
  await vi.waitFor(() => expect(notices.length).toBeGreaterThanOrEqual(2), PATIENCE_MS);
  expect(notices[0]).toMatchObject({ notice: 'disconnected' });
  expect([server.received, one.status]).toMatchObject([[], { phase: expect.stringMatching(/resting|dialling/) }]);
});

test('a token that is asked for at each connection; an address that is none', async () => {
  const server = await gateway();
  let tokens = 0;
  const one = await client(server.url, { token: () => Promise.resolve(`token-${++tokens}`) });
  await one.send(EVENT);
  server.cut();
  await one.send(EVENT);
  expect(server.model.hellos.map(({ token }) => token)).toEqual(['token-1', 'token-2']);
  await expect(client('http://127.0.0.1/')).rejects.toMatchObject({ code: 'PMC_CONFIG_INVALID' });
});

test('callbacks may send, and their own errors do not break the client', async () => {
  const server = await gateway();
  const errors: unknown[] = [];
  const catchOne = (error: unknown): void => void errors.push(error);
  process.once('uncaughtException', catchOne);
  let isFirst = true;
  const one = await client(server.url, {
    onOutcome: () => {
      if (!isFirst) return;
      isFirst = false;
      void one.send({ ...EVENT, id: 'from-callback' });
      throw new Error('my own');
    },
  });
  await one.send(EVENT);
  await vi.waitFor(() => expect(server.model.log.map(({ id }) => id)).toContain('from-callback'), PATIENCE_MS);
  await one.settled();
});
