// A webhook of the audit whose endpoint fails, hangs or refuses: each finding is told once when it opens and once when it is healed, and what cannot
// be told now is told later, for a day.
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest';
import { LookupsBusyError, type Resolve } from '../../consumers/commands/external/names.ts';
import { ApisUnderTest, WAIT } from '../support/apis-under-test.ts';
import { NOW_MS } from '../support/command-batches.ts';
import { answerJson } from '../support/misbehaving-api.ts';

let apis: ApisUnderTest;

beforeEach(async () => {
  apis = await ApisUnderTest.start(inject('databaseUrl'));
});

afterEach(async () => {
  await apis[Symbol.asyncDispose]();
});

test('a webhook is told of each finding once when it opens and once when it is healed', async () => {
  apis.api.on('/hook', answerJson({}));
  const hook = {
    method: 'POST',
    url: apis.api.url('/hook'),
    private_addresses: true,
    sign: true,
    secret_env: 'API_SECRET',
  };
  const declarations = apis.read({
    webhooks: { findings: { ...hook, body: { what: '{kind} {state}', all: '{finding}' } } },
  });
  const find = `insert into audit.findings (finding_key, kind, stage, detail, first_run, first_seen_at, opened_at, last_seen_at)
    values ($1, 'missing', 'log-to-stored', $2, 'run', $3, $3, now())`;
  await apis.pool.query(find, ['f1', JSON.stringify({ offset: 7 }), new Date()]);
  await apis.pool.query(find, ['ancient', '{}', new Date(Date.now() - 86_400_000)]);
  apis.asking(declarations);
  await vi.waitFor(() => expect(apis.api.asked('/hook')).toHaveLength(1), WAIT);
  apis.asking(declarations);
  await apis.pool.query(`update audit.findings set state = 'healed', healed_at = now() where finding_key = 'f1'`);
  await vi.waitFor(() => expect(apis.api.asked('/hook')).toHaveLength(2), WAIT);
  await vi.waitFor(async () => expect(await apis.statuses()).toEqual(['done', 'done']), WAIT);
  const bodies = apis.api
    .asked('/hook')
    .map(({ body }) => JSON.parse(body) as { what: string; all: { detail: unknown } });
  expect(bodies.map(({ what }) => what)).toEqual(['missing open', 'missing healed']);
  expect(bodies[0]?.all).toMatchObject({ finding_key: 'f1', detail: { offset: 7 } });
});

describe('a webhook that cannot be told now', () => {
  const hooked = (own: object = {}, resolve?: Resolve) => {
    const hook = { method: 'POST', url: apis.api.url('/hook'), private_addresses: true, retries: 0, body: {} };
    apis.asking(apis.read({ webhooks: { findings: { ...hook, ...own } } }), resolve);
  };
  const find = (changedAt: Date) =>
    apis.pool.query(
      `insert into audit.findings (finding_key, kind, stage, detail, first_run, first_seen_at, last_seen_at)
       values ('f1', 'missing', 'log-to-stored', '{}', 'run', $1, now())`,
      [changedAt],
    );
  const queue = async (changedAt: Date, firstPostponedAt?: Date) => {
    const [key, target] = ['00000000-0000-8000-8000-000000000001', 'webhook:findings'];
    await apis.pool.query(`insert into effects (event_key, kind, target, status) values ($1, 'call', $2, 'pending')`, [
      key,
      target,
    ]);
    await apis.pool.query(
      `insert into calls (event_key, target, given, received_at, first_postponed_at) values ($1, $2, '{}', $3, $4)`,
      [key, target, changedAt, firstPostponedAt],
    );
  };
  const call = async () =>
    (
      await apis.pool.query<{ minutes: number | null; takes: number }>(
        'select extract(epoch from leased_until - now())::float8 / 60 as minutes, takes from calls order by created_at',
      )
    ).rows;

  test('is told later, as often as it takes, under the same key', async () => {
    apis.api.on('/hook', (answer, socket, nth) => answerJson({}, nth < 2 ? 503 : 200)(answer, socket, nth));
    await find(new Date());
    hooked();
    for (const asked of [1, 2]) {
      await vi.waitFor(async () => {
        const [{ takes, minutes } = { takes: -1, minutes: 0 }] = await call();
        expect(takes).toBe(0);
        expect(minutes).toBeGreaterThan(0.8);
      }, WAIT);
      expect(apis.api.asked('/hook')).toHaveLength(asked);
      expect(await apis.statuses()).toEqual(['pending']);
      // Its time has come.
      await apis.pool.query('update calls set leased_until = null');
    }
    await vi.waitFor(async () => expect(await apis.statuses()).toEqual(['done']), WAIT);
    expect(new Set(apis.api.asked('/hook').map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
    expect(await call()).toEqual([]);
  });

  test('is told later where its name was not looked up because others hang', async () => {
    apis.api.on('/hook', answerJson({}));
    await find(new Date());
    let asked = 0;
    hooked({ url: `http://hooks.invalid:${apis.api.port}/hook` }, () => {
      asked += 1;
      return asked === 1
        ? Promise.reject(new LookupsBusyError())
        : Promise.resolve([{ address: '127.0.0.1', family: 4 }]);
    });
    await vi.waitFor(async () => expect(await call()).toMatchObject([{ takes: 0 }]), WAIT);
    expect(await apis.statuses()).toEqual(['pending']);
    await apis.pool.query('update calls set leased_until = null');
    await vi.waitFor(async () => expect(await apis.statuses()).toEqual(['done']), WAIT);
  });

  test('is told after a minute at first, however old the finding is, and for as long again as it has been tried for', async () => {
    apis.api.on('/hook', answerJson({}, 503));
    await queue(new Date(NOW_MS - 50 * 60_000));
    hooked();
    const isPutOffFor = (minutes: number) =>
      vi.waitFor(
        async () => expect(await call()).toMatchObject([{ takes: 0, minutes: expect.closeTo(minutes, 0) as unknown }]),
        WAIT,
      );
    await isPutOffFor(1);
    const passed = (minutes: number) =>
      apis.pool.query(
        `update calls set leased_until = null, first_postponed_at = first_postponed_at - interval '1 minute' * $1`,
        [minutes],
      );
    await passed(7);
    await isPutOffFor(7);
    await passed(23 * 60);
    await vi.waitFor(async () => expect(await apis.statuses()).toEqual(['failed']), WAIT);
    expect(apis.api.asked('/hook')).toHaveLength(3);
  });

  test('is told later also where nobody knows whether it was told, if that does no harm, and is not called failed then', async () => {
    apis.api.on('/hook', answerJson({}, 502));
    await find(new Date());
    hooked({ idempotent: true });
    await vi.waitFor(async () => expect(await call()).toMatchObject([{ minutes: expect.closeTo(1, 0) }]), WAIT);
    expect(await apis.statuses()).toEqual(['pending']);
    apis.api.on('/hook', answerJson({}, 410));
    await apis.pool.query('update calls set leased_until = null');
    await vi.waitFor(async () => expect(await apis.statuses()).toEqual(['unknown']), WAIT);
    expect(apis.api.asked('/hook')).toHaveLength(2);
  });

  test('is given up after a day, and at once where it is refused', async () => {
    apis.api.on('/hook', answerJson({}, 503));
    await find(new Date());
    await queue(new Date('2026-11-01'), new Date('2026-11-01'));
    hooked();
    // The new one has been asked and put off: until then it is pending, too.
    await vi.waitFor(async () => {
      expect((await apis.statuses()).toSorted()).toEqual(['failed', 'pending']);
      expect(await call()).toMatchObject([{ takes: 0, minutes: expect.closeTo(1, 0) as unknown }]);
    }, WAIT);
    apis.api.on('/hook', answerJson({}, 410));
    await apis.pool.query('update calls set leased_until = null');
    await vi.waitFor(async () => expect(await apis.statuses()).toEqual(['failed', 'failed']), WAIT);
  });
});
