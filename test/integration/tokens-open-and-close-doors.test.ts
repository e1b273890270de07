// Excludes: a token that opens the wrong door, or any door after it ended; a gateway that knows nobody because the database is away.
import { randomBytes } from 'node:crypto';
import { Registry } from 'prom-client';
import { describe, expect, inject, onTestFinished, test, vi } from 'vitest';
import { TokenDirectory, type TokenVerdict } from '../../producers/communicator/token-directory.ts';
import { pause } from '../../service/backoff.ts';
import { type Clock, systemClock } from '../../service/clock.ts';
import { createPool, type Pool } from '../../service/database.ts';
import { Health } from '../../service/health.ts';
import { createLogger } from '../../service/logger.ts';
import { TOKEN_BYTES, type TokenRole, tokenOf } from '../../service/token-format.ts';
import { createToken, listTokens, revokeToken } from '../../service/token-store.ts';
import { type ConsoleUnderTest, startConsoleUnderTest } from '../support/console-under-test.ts';
import { freePorts } from '../support/free-ports.ts';
import { pmcCommand } from '../support/pmc-command.ts';
import { asAdmin, type ScratchDatabase, scratchDatabase } from '../support/scratch-database.ts';

/** Five seconds are promised, which service/live-tokens.test.ts holds it to by a clock of its own; here other work may come in between. */
const WITHIN_MS = 60_000;
const HOUR_MS = 3_600_000;
const logger = createLogger('test', 'silent');

const pmc = (databaseUrl: string, ...args: readonly string[]) =>
  pmcCommand({ DATABASE_URL: databaseUrl }, 'token', ...args);

interface Made {
  readonly id: string;
  readonly token: string;
}

async function make(databaseUrl: string, role: TokenRole, expiresInMs?: number): Promise<Made> {
  const wanted = { subject: 'ana', role, expiresInMs, note: undefined };
  const { token, stored } = await onDatabase(databaseUrl, (pool) => createToken(pool, wanted));
  return { id: stored.id, token };
}

async function onDatabase<T>(databaseUrl: string, work: (pool: Pool) => Promise<T>): Promise<T> {
  const pool = createPool(databaseUrl, logger, 1);
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
}

function open(
  databaseUrl: string,
  clock: Clock = systemClock,
): { directory: TokenDirectory; health: Health; metrics: Registry; ended: string[] } {
  const [health, metrics, ended] = [new Health(), new Registry(), [] as string[]];
  const directory = TokenDirectory.start({ databaseUrl, logger, clock, health, metrics });
  directory.onRevoked((tokenId) => ended.push(tokenId));
  onTestFinished(() => directory.stop());
  return { directory, health, metrics, ended };
}

async function database(): Promise<ScratchDatabase> {
  const scratch = await scratchDatabase(inject('databaseUrl'));
  onTestFinished(() => scratch[Symbol.asyncDispose]());
  return scratch;
}

/** What it says once the database has answered, which may take longer than it waits. */
async function answered(directory: TokenDirectory, token: string): Promise<TokenVerdict> {
  for (;;) {
    const verdict = await directory.check(token);
    if (verdict.ok || verdict.error !== 'internal') return verdict;
    await pause(50);
  }
}

/** As late as one likes. */
class LateClock implements Clock {
  aheadMs = 0;

  nowMs(): number {
    return systemClock.nowMs() + this.aheadMs;
  }
}

const soon = { timeout: WITHIN_MS, interval: 50 };

describe('pmc token', () => {
  test('prints a token once, alone on stdout, and keeps its hash only', async () => {
    const { url } = await database();
    const { code, stdout, stderr } = await pmc(url, 'create', '--role', 'user', '--subject', 'ana', '--expires', '30d');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^pmc_[0-9A-Za-z]{49}\n$/);
    expect(stderr).toMatch(/^token [0-9A-Z]{26} of ana \(user\), until \d{4}-.*shown this once/);
    const { rows } = await asAdmin(url, (client) =>
      client.query<{ line: string }>('select tokens::text as line from tokens'),
    );
    expect(rows).toHaveLength(1);
    expect(rows[0]?.line).not.toContain(stdout.trim().slice(4));
    const list = await pmc(url, 'list');
    expect(list.stdout).toMatch(/ user +ana +live /);
    expect(list.stdout).not.toContain('pmc_');
  });

  test('makes, ends and lists by one document each, and revoking again changes nothing', async () => {
    const { url } = await database();
    const flags = ['--role', 'operator', '--subject', 'ana', '--note', 'console at home', '--json'];
    const made = JSON.parse((await pmc(url, 'create', ...flags)).stdout) as Made;
    expect(made.token).toMatch(/^pmc_/);
    expect((await pmc(url, 'revoke', made.id)).stdout).toBe(`${made.id} of ana revoked\n`);
    const listed = JSON.parse((await pmc(url, 'list', '--all', '--json')).stdout) as { tokens: readonly unknown[] };
    expect(listed).toMatchObject({
      schemaVersion: 1,
      tokens: [
        { id: made.id, role: 'operator', subject: 'ana', state: 'revoked', note: 'console at home', expiresAt: null },
      ],
    });
    await onDatabase(url, async (pool) => {
      expect([await revokeToken(pool, made.id)]).toEqual(listed.tokens);
      expect(await listTokens(pool, { withEnded: false })).toEqual([]);
    });
  });

  test.for<[string, readonly string[], RegExp]>([
    ['no role', ['create', '--subject', 'ana'], /--role/],
    ['another role', ['create', '--role', 'root', '--subject', 'ana'], /Allowed choices are user, source, viewer/],
    ['an empty subject', ['create', '--role', 'user', '--subject', ' '], /text of 1 to 128 characters/],
    ['a bad duration', ['create', '--role', 'user', '--subject', 'a', '--expires', '30'], /such as 12h or 30d/],
  ])('refuses %s and says what is right, before it asks any database', async ([, args, message]) => {
    const answer = await pmc('postgres://127.0.0.1:1/none', ...args);
    expect(answer).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(message) });
  });

  test('knows no token by another name', async () => {
    const { url } = await database();
    const revoking = onDatabase(url, (pool) => revokeToken(pool, 'nobody'));
    await expect(revoking).rejects.toMatchObject({
      code: 'PMC_TOKEN_UNKNOWN',
      message: expect.stringContaining('no token has the id "nobody"'),
    });
  });

  test('says that the database is away, without its password', async () => {
    const [port] = await freePorts(1);
    const answer = await pmc(`postgres://pmc:hidden@127.0.0.1:${port}/pmc`, 'list');
    expect(answer).toMatchObject({ code: 7, stderr: expect.stringContaining(`PostgreSQL at 127.0.0.1:${port}`) });
    expect(answer.stderr).not.toContain('hidden');
  });
});

describe('a directory of tokens', () => {
  test('asks for one that was made a moment ago, and for strangers no more often than is good', async () => {
    const { url } = await database();
    const { directory } = open(url);
    const first = await make(url, 'user');
    await expect.poll(() => directory.check(first.token), soon).toMatchObject({ ok: true });
    for (let count = 0; count < 5; count += 1) {
      const { token } = await make(url, 'user');
      expect(await answered(directory, token)).toMatchObject({ ok: true, role: 'user' });
    }
    const stranger = (): Promise<TokenVerdict> => directory.check(tokenOf(randomBytes(TOKEN_BYTES)));
    // More than may be asked for between two questions for changes.
    const answers = await Promise.all(Array.from({ length: 50 }, stranger));
    expect(answers).toContainEqual({ ok: false, error: 'unauthorized' });
    expect(answers).toContainEqual({ ok: false, error: 'internal' });
    await expect.poll(stranger, soon).toEqual({ ok: false, error: 'unauthorized' });
  });

  test('knows those that were there, those that come, and those that go', async () => {
    const { url } = await database();
    const before = await make(url, 'user');
    const { directory, health, metrics, ended } = open(url);
    expect(await directory.check(before.token)).toEqual({ ok: false, error: 'internal' });
    const known = { ok: true, tokenId: before.id, subject: 'ana', role: 'user', expiresAtMs: null };
    await expect.poll(() => directory.check(before.token), soon).toEqual(known);

    const later = await make(url, 'source');
    await expect.poll(() => directory.check(later.token), soon).toMatchObject({ ok: true, role: 'source' });

    await onDatabase(url, (pool) => revokeToken(pool, before.id));
    await vi.waitFor(() => expect(ended).toEqual([before.id]), soon);
    expect(await answered(directory, before.token)).toEqual({ ok: false, error: 'unauthorized' });
    expect(await directory.check(later.token)).toMatchObject({ ok: true });
    expect(health.report().facts['tokens']).toMatchObject({ known: 1, ageMs: expect.any(Number) });
    const text = await metrics.metrics();
    expect(text).toMatch(/pmc_token_checks_total\{outcome="not-loaded"\} \d/);
    expect(text).toMatch(/^pmc_tokens_known 1$/m);
  });

  test('ends a token at its moment, and tells expired from unknown', async () => {
    const { url } = await database();
    const clock = new LateClock();
    const { directory, ended } = open(url, clock);
    const short = await make(url, 'user', HOUR_MS);
    await expect.poll(() => directory.check(short.token), soon).toMatchObject({ ok: true });
    expect(ended).toEqual([]);
    clock.aheadMs = HOUR_MS;
    await vi.waitFor(() => expect(ended).toEqual([short.id]), soon);
    expect(await directory.check(short.token)).toEqual({ ok: false, error: 'tokenExpired' });
    const { directory: another } = open(url, clock);
    await expect.poll(() => another.check(short.token), soon).toEqual({ ok: false, error: 'tokenExpired' });
  });

  test('reads more tokens than one answer of the database holds', async () => {
    const { url } = await database();
    await asAdmin(url, (client) =>
      client.query(
        `insert into tokens (id, hash, subject, role)
         select 'T' || n, sha256(n::text::bytea), 'many', 'user' from generate_series(1, 12001) n`,
      ),
    );
    const { directory, health } = open(url);
    const made = await make(url, 'user');
    await expect.poll(() => directory.check(made.token), soon).toMatchObject({ ok: true });
    expect(health.report().facts['tokens']).toMatchObject({ known: 12_002 });
  });

  test('starts and stops with the database away, and goes on from what it knew when it goes away', async () => {
    const [port] = await freePorts(1);
    const away = open(`postgres://pmc@127.0.0.1:${port}/pmc`);
    const scratch = await scratchDatabase(inject('databaseUrl'));
    const made = await make(scratch.url, 'user', HOUR_MS);
    expect(await away.directory.check(made.token)).toEqual({ ok: false, error: 'internal' });

    const clock = new LateClock();
    const { directory, health, ended } = open(scratch.url, clock);
    await expect.poll(() => directory.check(made.token), soon).toMatchObject({ ok: true });
    await scratch[Symbol.asyncDispose]();
    // Nobody can say that it was not made a moment ago.
    expect(await directory.check(tokenOf(randomBytes(TOKEN_BYTES)))).toEqual({ ok: false, error: 'internal' });
    const age = (): number => (health.report().facts['tokens'] as { ageMs: number }).ageMs;
    clock.aheadMs = HOUR_MS / 2;
    expect(age()).toBeGreaterThanOrEqual(HOUR_MS / 2);
    expect(await directory.check(made.token)).toMatchObject({ ok: true });
    expect(ended).toEqual([]);
    clock.aheadMs = HOUR_MS;
    await vi.waitFor(() => expect(ended).toEqual([made.id]), soon);
    expect(await away.directory.check(made.token)).toEqual({ ok: false, error: 'internal' });
  });
});

describe('the console', () => {
  const TOKEN = 'the token of this console';

  async function running(): Promise<{ databaseUrl: string; console: ConsoleUnderTest }> {
    const { url } = await database();
    const addresses = { databaseUrl: url, brokers: inject('brokers'), controlUrl: undefined, controlToken: undefined };
    const console = await startConsoleUnderTest({ port: 0, token: TOKEN, ...addresses });
    onTestFinished(() => console.stop());
    return { databaseUrl: url, console };
  }
  const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

  test('opens to viewers, operators and admins, by address, cookie and header, and to nobody else', async () => {
    const { databaseUrl, console } = await running();
    const [viewer, operator, admin, user, source] = await Promise.all(
      (['viewer', 'operator', 'admin', 'user', 'source'] as const).map((role) => make(databaseUrl, role)),
    );
    const statusFor = async (made: Made | undefined) =>
      (await fetch(`${console.url}/api/snapshot`, bearer(made?.token ?? ''))).status;
    for (const made of [viewer, operator, admin]) await expect.poll(() => statusFor(made), soon).toBe(200);
    for (const made of [user, source]) expect(await statusFor(made)).toBe(401);
    expect((await fetch(`${console.url}/api/snapshot`, bearer(TOKEN))).status).toBe(200);

    const signedIn = await fetch(`${console.url}/?token=${viewer?.token}`, { redirect: 'manual' });
    expect(signedIn.status).toBe(303);
    expect(signedIn.headers.get('location')).toBe('/');
    const cookie = signedIn.headers.get('set-cookie')?.split(';', 1)[0] ?? '';
    expect(cookie).not.toContain(viewer?.token);
    expect((await fetch(console.url, { headers: { cookie } })).status).toBe(200);
    expect((await fetch(`${console.url}/?token=${user?.token}`, { redirect: 'manual' })).status).toBe(401);
  });

  test('closes to a token that was revoked, and ends what it follows live', async () => {
    const { databaseUrl, console } = await running();
    const made = await make(databaseUrl, 'viewer');
    const status = async () => (await fetch(`${console.url}/api/snapshot`, bearer(made.token))).status;
    await expect.poll(status, soon).toBe(200);
    const signedIn = await fetch(`${console.url}/?token=${made.token}`, { redirect: 'manual' });
    const cookie = signedIn.headers.get('set-cookie')?.split(';', 1)[0] ?? '';
    const live = await fetch(`${console.url}/api/live`, { headers: { cookie } });
    const ended = live.text();
    await onDatabase(databaseUrl, (pool) => revokeToken(pool, made.id));
    const timeout = new Promise<'still open'>((resolve) => setTimeout(resolve, WITHIN_MS, 'still open').unref());
    expect(await Promise.race([ended, timeout])).not.toBe('still open');
    expect(await status()).toBe(401);
    expect((await fetch(console.url, { headers: { cookie } })).status).toBe(401);
  });
});
