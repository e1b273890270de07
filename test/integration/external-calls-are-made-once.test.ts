// External APIs that fail, hang, reset after they have done it, or are left by a caller that died. What is done is told as done,
// once; what nobody can know is told as unknown, and not done again. Nothing else waits for it meanwhile.
import pg from 'pg';
import { afterEach, beforeEach, expect, inject, test, vi } from 'vitest';
import { signatureOf } from '../../consumers/commands/external/request.ts';
import { pause } from '../../service/backoff.ts';
import { API_SECRET, ApisUnderTest, POST, WAIT } from '../support/apis-under-test.ts';
import { command, handle, ListLog, relayOnce } from '../support/command-batches.ts';
import { answerJson } from '../support/misbehaving-api.ts';

let apis: ApisUnderTest;

beforeEach(async () => {
  apis = await ApisUnderTest.start(inject('databaseUrl'));
});

afterEach(async () => {
  await apis[Symbol.asyncDispose]();
});

test('a sound answer becomes the reply; the request is signed, and carries the command id as its key', async () => {
  apis.api.on('/a', answerJson({ text: 'sunny' }));
  const asking = apis.asking(apis.declared({ ...POST, sign: true, secret_env: 'API_SECRET' }));
  expect(await asking.ask('/api a "São Paulo"')).toBe('sunny');
  const [{ headers, body }] = apis.api.asked('/a') as [(typeof apis.api.arrived)[number]];
  expect(JSON.parse(body)).toEqual({ city: 'São Paulo', who: 'ana' });
  const { rows } = await apis.pool.query(`select event_key, status, detail from effects where kind = 'call'`);
  expect(rows).toEqual([{ event_key: headers['idempotency-key'], status: 'done', detail: 'answered 200' }]);
  const id = String(headers['webhook-id']);
  expect(headers['webhook-signature']).toBe(
    signatureOf(API_SECRET, id, String(headers['webhook-timestamp']), Buffer.from(body)),
  );
});

test('a slow one is unknown after its time, is not called again, and holds up nobody else', async () => {
  apis.api.on('/a', () => undefined);
  const asking = apis.asking(apis.declared({ ...POST, timeout_seconds: 5 }));
  await asking.post('/api a x');
  await vi.waitFor(() => expect(apis.api.asked('/a')).toHaveLength(1), WAIT);
  const log = new ListLog();
  await asking.post('/ping');
  await relayOnce(apis.pool, log);
  expect(log.replies).toMatchObject([{ inReplyTo: 'm2' }]);
  await vi.waitFor(async () => expect(await apis.statuses()).toEqual(['unknown']), WAIT);
  expect((await apis.replies()).at(-1)?.content).toBe(
    'a: it is not known whether this was done, no whole answer within 5000 ms. It is not done again; look before you repeat it.',
  );
  expect(apis.api.asked('/a')).toHaveLength(1);
});

test('a 500 is told as not done, and a failing GET is asked again under the same key', async () => {
  apis.api.on('/a', answerJson({}, 500));
  expect(await apis.asking(apis.declared(POST)).ask('/api a x')).toBe('a: not done, answered 500.');
  expect(apis.api.asked('/a')).toHaveLength(1);
  apis.api.on('/b', (answer, socket, nth) =>
    answerJson({ text: 'third time' }, nth < 2 ? 500 : 200)(answer, socket, nth),
  );
  expect(await apis.asking(apis.declared({}, 'b')).ask('/api b x')).toBe('third time');
  expect(new Set(apis.api.asked('/b').map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
  expect(apis.api.asked('/b')).toHaveLength(3);
});

test('a reset after it was done is unknown, and done again only where that does no harm', async () => {
  apis.api.on('/a', (_answer, socket) => void socket.resetAndDestroy());
  expect(await apis.asking(apis.declared(POST)).ask('/api a x')).toContain('it is not known whether this was done');
  expect(apis.api.asked('/a')).toHaveLength(1);
  apis.api.on('/b', (answer, socket, nth) =>
    nth === 0 ? void socket.resetAndDestroy() : answerJson({ text: 'once' })(answer, socket, nth),
  );
  expect(await apis.asking(apis.declared({ ...POST, idempotent: true }, 'b')).ask('/api b x')).toBe('once');
  expect(new Set(apis.api.asked('/b').map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
});

test('one that keeps failing is left alone', async () => {
  apis.api.on('/a', answerJson({}, 500));
  const asking = apis.asking(apis.declared({ ...POST, breaker: { failures: 2, pause_seconds: 60 } }));
  for (let index = 0; index < 2; index += 1) expect(await asking.ask('/api a x')).toBe('a: not done, answered 500.');
  expect(await asking.ask('/api a x')).toBe('a: not done, it failed 2 times in a row and is left alone for 60 s.');
  expect(apis.api.asked('/a')).toHaveLength(2);
});

test('no more calls are made at a time than allowed, no more wait than allowed, and none is forgotten', async () => {
  const held: (() => void)[] = [];
  apis.api.on('/a', async (answer, socket, nth) => {
    await new Promise<void>((resolve) => held.push(resolve));
    await answerJson({ text: `${nth}` })(answer, socket, nth);
  });
  const asking = apis.asking(apis.declared({ ...POST, concurrency: 2, waiting_max: 6 }));
  await asking.post(...Array.from({ length: 7 }, () => '/api a x'));
  expect((await apis.replies()).map(({ content }) => content)).toEqual([
    'a: not done, 6 calls are waiting already. Try again later.',
  ]);
  await vi.waitFor(() => expect(held).toHaveLength(2), WAIT);
  for (let released = 0; released < 6; released += 1) {
    await vi.waitFor(() => expect(held.length).toBeGreaterThan(released), WAIT);
    held[released]?.();
  }
  await vi.waitFor(async () => expect(await apis.replies()).toHaveLength(7), WAIT);
  expect(apis.api.inHandMax).toBe(2);
});

test('a call whose caller vanished is unknown, or made again under the same key where that does no harm', async () => {
  for (const [name, isIdempotent] of [
    ['a', false],
    ['b', true],
  ] as const) {
    apis.api.on(`/${name}`, answerJson({ text: 'done again' }));
    const declarations = apis.declared({ ...POST, idempotent: isIdempotent }, name);
    const id = `gone-${name}`;
    await handle(apis.pool, [command(`/api ${name} x`, id)], { declarations });
    await apis.pool.query(
      `update calls set takes = 1, leased_until = clock_timestamp() - interval '1 second' where target = $1`,
      [`api:${name}`],
    );
    apis.asking(declarations);
    await vi.waitFor(async () => expect((await apis.replies()).map((one) => one.inReplyTo)).toContain(id), WAIT);
  }
  expect((await apis.replies()).map(({ content }) => content)).toEqual([
    expect.stringContaining('it is not known whether this was done, whoever was calling did not come back'),
    'done again',
  ]);
  expect(apis.api.arrived.map(({ path }) => path)).toEqual(['/b?q=x']);
  expect(await apis.statuses()).toEqual(['unknown', 'done']);
});

test('a call whose caller vanished stays unknown, whatever is said of it now, unless it is done now or does nothing', async () => {
  const left = async (name: string, fields: object): Promise<string> => {
    const [declarations, id] = [apis.declared({ ...fields, retries: 0 }, name), `left-${name}`];
    await handle(apis.pool, [command(`/api ${name} x`, id)], { declarations });
    await apis.pool.query(
      `update calls set takes = 1, leased_until = clock_timestamp() - interval '1 second' where target = $1`,
      [`api:${name}`],
    );
    apis.asking(declarations);
    return await vi.waitFor(async () => {
      const reply = (await apis.replies()).find(({ inReplyTo }) => inReplyTo === id);
      if (reply === undefined) throw new Error('no reply yet');
      return reply.content;
    }, WAIT);
  };
  const keyed = { ...POST, idempotent: true };
  const unknown = 'it is not known whether this was done, whoever was calling did not come back';
  apis.api.on('/a', answerJson({}, 409));
  expect(await left('a', keyed)).toContain(unknown);
  // Nobody listens there.
  expect(await left('b', { ...keyed, url: 'http://127.0.0.1:1/' })).toContain(unknown);
  apis.api.on('/c', answerJson({}, 409));
  expect(await left('c', {})).toBe('c: not done, answered 409.');
  expect(await apis.statuses()).toEqual(['unknown', 'unknown', 'failed']);
});

test("a call is nobody else's while it is made, nor because the database was away when it was answered", async () => {
  const held: (() => void)[] = [];
  apis.api.on('/a', async (answer, socket, nth) => {
    await new Promise<void>((resolve) => held.push(resolve));
    await answerJson({ text: 'once' })(answer, socket, nth);
  });
  const declarations = apis.declared(POST);
  const asking = apis.asking(declarations);
  await asking.post('/api a x');
  await vi.waitFor(() => expect(held).toHaveLength(1), WAIT);
  const query = apis.pool.query.bind(apis.pool) as (text: string) => Promise<{ rows: { takes: number }[] }>;
  const leaseEnds = () => query(`update calls set leased_until = clock_timestamp() - interval '1 second'`);
  // Its own lane looks again, and leaves it where it is.
  await leaseEnds();
  await asking.post('/api a y');
  await vi.waitFor(() => expect(held).toHaveLength(2), WAIT);
  expect((await query('select takes from calls')).rows).toEqual([{ takes: 1 }, { takes: 1 }]);
  // Another member looks at once when the database is back, and lets whoever has an outcome write it down first.
  const away = vi.spyOn(apis.pool, 'query').mockImplementation(() => {
    throw new Error('away');
  });
  const other = apis.asking(declarations);
  other.lanes.announce('api:a');
  for (const release of held) release();
  await leaseEnds();
  await pause(3_000);
  away.mockRestore();
  await vi.waitFor(async () => expect(await apis.statuses()).toEqual(['done', 'done']), WAIT);
  expect([apis.api.asked('/a').length, (await apis.replies()).map(({ content }) => content)]).toEqual([
    2,
    ['once', 'once'],
  ]);
});

const endLeases = () => apis.pool.query(`update calls set leased_until = clock_timestamp() - interval '1 second'`);

/** Every statement of that name goes through `by`, until the mock is restored. */
function interceptQueries(name: string, by: (run: () => Promise<{ rowCount: number }>) => Promise<unknown>) {
  const query = apis.pool.query.bind(apis.pool) as (...asked: unknown[]) => Promise<{ rowCount: number }>;
  const intercepted = (...asked: unknown[]): unknown => {
    const run = () => query(...asked);
    return (asked[0] as { name?: string }).name === name ? by(run) : run();
  };
  return vi.spyOn(apis.pool, 'query').mockImplementation(intercepted);
}

test('a call that was taken without the taker hearing of it is made all the same, once', async () => {
  apis.api.on('/a', answerJson({ text: 'once' }));
  let lost = 0;
  const queries = interceptQueries('commands-take-calls', async (run) => {
    const answer = await run();
    if (answer.rowCount === 1 && (lost += 1) <= 2) throw new Error('the answer is lost');
    return answer;
  });
  await apis.asking(apis.declared(POST)).post('/api a x');
  await vi.waitFor(() => expect(lost).toBeGreaterThan(0), WAIT);
  // Longer than a lane leaves alone what others may have in hand.
  await vi.waitFor(
    async () => {
      await endLeases();
      expect(await apis.statuses()).not.toEqual(['pending']);
    },
    { timeout: 60_000, interval: 200 },
  );
  queries.mockRestore();
  expect((await apis.replies()).map(({ content }) => content)).toEqual(['once']);
  expect([apis.api.asked('/a').length, await apis.statuses()]).toEqual([1, ['done']]);
});

const refusal = Object.assign(new pg.DatabaseError('refused', 0, 'error'), { code: '22P02' });

test.each([
  ['could not be written', () => Promise.reject(refusal)],
  // As by a copy of the database that took over without its last commits.
  ['was written and lost again', () => Promise.resolve({ rowCount: 1, rows: [{ event_key: 'any' }] })],
])('a call that was made, and whose end %s, is not one that its lane never began', async (_what, fate) => {
  apis.api.on('/a', answerJson({ text: 'once' }));
  const queries = interceptQueries('commands-end-call', fate);
  const asking = apis.asking(apis.declared(POST));
  await asking.post('/api a x');
  await vi.waitFor(() => expect(queries).toHaveBeenCalledWith(expect.objectContaining({ name: 'commands-end-call' })));
  queries.mockRestore();
  // The lane takes something else meanwhile, and leaves that where it is.
  await asking.ask('/api a y');
  expect(await apis.statuses()).toEqual(['pending', 'done']);
  await endLeases();
  await vi.waitFor(async () => expect(await apis.statuses()).toEqual(['unknown', 'done']), WAIT);
  expect(apis.api.asked('/a')).toHaveLength(2);
});

test('a replay of the command calls nothing again, neither while it is being called nor later', async () => {
  const released = Promise.withResolvers<void>();
  apis.api.on('/a', async (answer, socket, nth) => {
    await released.promise;
    await answerJson({ text: 'once' })(answer, socket, nth);
  });
  const declarations = apis.declared({ ...POST });
  const asking = apis.asking(declarations);
  const event = command('/api a x', 'again');
  const replay = () => handle(apis.pool, [event], { declarations, onCall: (target) => asking.lanes.announce(target) });
  await replay();
  await vi.waitFor(() => expect(apis.api.asked('/a')).toHaveLength(1), WAIT);
  await replay();
  released.resolve();
  await vi.waitFor(async () => expect(await apis.replies()).toHaveLength(1), WAIT);
  await replay();
  await asking.post('/ping');
  expect([(await apis.replies()).length, apis.api.arrived.length, await apis.statuses()]).toEqual([2, 1, ['done']]);
});

test('a call that waits for an endpoint which is declared no longer is told as not done', async () => {
  await handle(apis.pool, [command('/api a x', 'gone')], { declarations: apis.declared(POST) });
  apis.asking(apis.read({}));
  await vi.waitFor(async () => expect(await apis.replies()).toHaveLength(1), WAIT);
  expect((await apis.replies())[0]?.content).toBe('a: not done, it is not set up any more.');
});
