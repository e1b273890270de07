// Faults armed over HTTP, over real sockets: what the peer sees, what the ledger says, and that the others are unharmed. And
// the bad input that must change nothing.
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readRecording } from '../../producers/chaos-socket/recorded-frames.ts';
import { ROW_COLUMNS } from '../../producers/chaos-socket/verdict/exported-row.ts';
import { hashOf, rowOf } from '../../producers/chaos-socket/verdict/verdict.testing.ts';
import { type ChaosVerdict, judge } from '../../producers/chaos-socket/verdict/verdict.ts';
import { eventually, meet, type Peer, startSimulator } from '../support/simulator.ts';

type Simulator = Awaited<ReturnType<typeof startSimulator>>;

/** Looking takes less than a second of it; the rest is for a machine that stands still meanwhile. */
const STALL_MS = 8_000;
const REFUSAL_MS = 60_000;

const arm = async (simulator: Simulator, fault: string, more: object = {}) => {
  const { code, body } = await simulator.post('/api/faults', JSON.stringify({ fault, ...more }));
  expect([code, body]).toMatchObject([201, { id: expect.stringMatching(/^fault-\d+$/) as string, fault }]);
  return body['id'] as string;
};
const fired = (simulator: Simulator, times = 1) =>
  eventually(async () => {
    expect((await simulator.get('/api/status')).body['faultsFired']).toBeGreaterThanOrEqual(times);
  });
/** What a peer has got so far is what the ledger has of its source, frame by frame. */
async function sameAsLedger(simulator: Simulator, { frames }: Peer, path: string): Promise<void> {
  const got = frames.map(({ bytes }) => hashOf(bytes));
  const sent = (await simulator.sent()).filter(({ source }) => source === path);
  expect(got).toEqual(sent.slice(0, got.length).map(({ sha256 }) => sha256));
}
const ids = ({ frames }: Peer) => frames.flatMap(({ bytes }) => /"id":"([^"]+)"/.exec(String(bytes))?.[1] ?? []);

test('a firing is in the ledger with the verdict it must lead to, and its frames name it', async () => {
  const simulator = await startSimulator({ PMC_CHAOS_RATE: '200', PMC_CHAOS_SEED: '1' });
  const peer = await meet(simulator.wsUrl);
  await arm(simulator, 'duplicate', { options: { times: 3 } });
  await arm(simulator, 'drop');
  await fired(simulator, 2);
  await peer.got(10);
  const ledger = await simulator.ledger();
  const faults = ledger.filter(({ line }) => line === 'fault');
  expect(faults).toMatchObject([
    { firing: 1, fault: 'duplicate', armed: 'fault-1', expects: expect.stringContaining('one row') as string },
    { firing: 2, fault: 'drop', armed: 'fault-2', expects: expect.stringContaining('gap') as string },
  ]);
  const repeated = (await simulator.sent()).filter(({ firing }) => firing === 1);
  expect(repeated.map((line) => line.expect)).toEqual([undefined, 'duplicate', 'duplicate']);
  expect(new Set(repeated.map(({ sha256 }) => sha256)).size).toBe(1);
  const [withheld] = ledger.filter((line) => line.line === 'withheld');
  expect(withheld).toMatchObject({ firing: 2, recoverable: false });
  expect(ids(peer)).not.toContain(withheld?.id);
});

test('a stall keeps one connection silent and alive, then nothing is missing; the other goes on', async () => {
  const simulator = await startSimulator({ CHAOS_PROFILE: 'demo', PMC_CHAOS_CONNECTIONS: '2' });
  const [stalled, other] = [await meet(`${simulator.wsUrl}/source-1`), await meet(`${simulator.wsUrl}/source-2`)];
  await arm(simulator, 'stall', { source: '/source-1', options: { forMs: STALL_MS } });
  await fired(simulator);
  const pong = once(stalled.socket, 'pong');
  stalled.socket.ping();
  await pong;
  // Behind the pong: by then the last frame before the stall has come, too.
  const before = stalled.frames.length;
  await other.got(other.frames.length + 3);
  expect(stalled.frames.length).toBe(before);
  await stalled.got(before + 3);
  await sameAsLedger(simulator, stalled, '/source-1');
});

test('half open: pings stay unanswered, then the connection is reset', async () => {
  const simulator = await startSimulator({ PMC_CHAOS_RATE: '50' });
  const peer = await meet(simulator.wsUrl);
  let isPonged = false;
  peer.socket.on('pong', () => (isPonged = true)).on('error', () => undefined);
  // From before it strikes: looking at whether it has may take longer than it lasts.
  const closed = once(peer.socket, 'close');
  await arm(simulator, 'half_open', { options: { forMs: 600 } });
  await fired(simulator);
  peer.socket.ping();
  expect((await closed)[0]).toBe(1006);
  expect(isPonged).toBe(false);
  await eventually(async () => {
    expect((await simulator.ledger()).filter(({ line }) => line === 'closed')).toMatchObject([{ code: 1006 }]);
  });
});

test('a slow writer sends the same frames in pieces', async () => {
  const simulator = await startSimulator({ PMC_CHAOS_RATE: '20' });
  const peer = await meet(simulator.wsUrl);
  await arm(simulator, 'slow_writer', { options: { bytesPerSecond: 1_000, forMs: 1_500 } });
  await fired(simulator);
  await peer.got(peer.frames.length + 8);
  await sameAsLedger(simulator, peer, '/');
});

test('a close code arrives as it is; a refused source answers 503 until it is over', async () => {
  const simulator = await startSimulator({ PMC_CHAOS_RATE: '50' });
  const first = await meet(simulator.wsUrl);
  const closed = once(first.socket, 'close');
  await arm(simulator, 'close_code', { options: { code: 4_321 } });
  expect((await closed)[0]).toBe(4_321);
  const second = await meet(simulator.wsUrl);
  second.socket.on('error', () => undefined);
  const reset = once(second.socket, 'close');
  await arm(simulator, 'refuse', { options: { forMs: REFUSAL_MS } });
  expect((await reset)[0]).toBe(1006);
  await expect(meet(simulator.wsUrl)).rejects.toThrow('503');
  simulator.skip(REFUSAL_MS);
  expect((await meet(simulator.wsUrl)).socket.readyState).toBe(1);
});

test('early events come before the hello, drop_tail keeps the end back', async () => {
  const simulator = await startSimulator({ PMC_CHAOS_RATE: '50' });
  const early = await arm(simulator, 'early', { options: { frames: 2 } });
  const peer = await meet(simulator.wsUrl);
  peer.socket.on('error', () => undefined);
  await peer.got(3);
  const kinds = peer.frames.map(({ bytes }) => /"event":"(\w+)"/.exec(String(bytes))?.[1]);
  expect(kinds.slice(0, 3)).toEqual(['message', 'message', 'connection']);
  expect(await (await fetch(`${simulator.apiUrl}/api/faults/${early}`, { method: 'DELETE' })).json()).toEqual({
    disarmed: early,
  });
  const closed = once(peer.socket, 'close');
  await arm(simulator, 'drop_tail', { options: { frames: 4 } });
  await closed;
  const withheld = (await simulator.ledger()).filter(({ line }) => line === 'withheld');
  expect(withheld).toHaveLength(4);
});

test('all faults at once: whoever stores what arrives has no unexplained difference', async () => {
  const simulator = await startSimulator({ PMC_CHAOS_RATE: '1500', PMC_CHAOS_SEED: '11' });
  const quiet = [
    'drop',
    'duplicate',
    'id_conflict',
    'reorder',
    'jitter',
    'malformed',
    'oversize',
    'deep',
    'many_fields',
  ];
  const odd = [
    'unknown_event',
    'missing_id',
    'missing_chat',
    'clock_skew',
    'clock_jump',
    'bad_ts',
    'late_ref',
    'delay',
  ];
  for (const fault of [...quiet, ...odd]) await arm(simulator, fault, { probability: 0.02 });
  const peer = await meet(simulator.wsUrl);
  peer.socket.on('error', () => undefined);
  await peer.got(2_000);
  peer.socket.close();
  await once(peer.socket, 'close');
  await eventually(async () => expect((await simulator.get('/api/status')).body['activeConnections']).toBe(0));
  const ledger = await simulator.ledger();
  // What a perfect system keeps: every frame that is an object once, in the order of arrival.
  const bySha = new Map((await simulator.sent()).map((line) => [line.sha256, line]));
  const rows = new Map<string, ReturnType<typeof rowOf>>();
  for (const [offset, { bytes, binary }] of peer.frames.entries()) {
    const line = bySha.get(hashOf(bytes));
    expect(line).toBeDefined();
    if (line === undefined || binary || line.expect === 'rejected' || rows.has(line.sha256)) continue;
    rows.set(line.sha256, rowOf(line, offset, { flags: line.expect === 'conflict' ? ['conflict'] : [] }));
  }
  const verdict = judge(ledger, rows.values());
  expect(verdict.findings.filter(({ explanation }) => explanation === undefined)).toEqual([]);
  expect(verdict).toMatchObject({ verdict: 'pass', unexplained: 0, conflictsNotFlagged: 0 });
  expect(Object.keys(verdict.firings).toSorted()).toEqual([...quiet, ...odd].toSorted());
  expect(verdict.deviations.lost.explained).toBeGreaterThan(0);
});

test('a recording goes out byte for byte, faster', async () => {
  const file = fileURLToPath(new URL('../data/chaos-socket-frames.jsonl', import.meta.url));
  const simulator = await startSimulator({ PMC_CHAOS_REPLAY_FRAMES: file, PMC_CHAOS_REPLAY_SPEED: '1000' });
  const peer = await meet(simulator.wsUrl);
  await peer.got(8_452);
  expect(peer.frames.map(({ bytes }) => String(bytes))).toEqual(readRecording(file).map(({ frame }) => frame));
});

test('the profile changes at run time, the page is served, the verdict answers', async () => {
  const simulator = await startSimulator({ PMC_CHAOS_PROFILE: 'idle' });
  const peer = await meet(simulator.wsUrl);
  expect((await simulator.post('/api/profile', '{"profile":"demo"}')).body).toEqual({ success: true, profile: 'demo' });
  await peer.got(3);
  expect((await simulator.get('/api/profiles')).body['current']).toBe('demo');
  const page = await fetch(`${simulator.apiUrl}/`);
  expect([page.status, page.headers.get('content-security-policy')]).toEqual([200, expect.stringContaining("'self'")]);
  for (const name of ['page.js', 'page.css']) expect((await fetch(`${simulator.apiUrl}/${name}`)).status).toBe(200);
  expect((await simulator.get('/api/verdict')).body).toMatchObject({ doubts: [], frames: { withheld: 0 } });
  const before = new Date().toISOString();
  const last = (await simulator.ledger()).at(-1);
  expect(last).toMatchObject({ line: 'until', ended: false });
  expect(last?.line === 'until' && last.at >= before && last.at <= new Date().toISOString()).toBe(true);
  const judged = await simulator.post('/api/verdict', 'nonsense', 'text/csv');
  expect(judged).toMatchObject({ code: 400, body: { error: { code: 'PMC_CHAOS_EXPORT_UNREADABLE' } } });
});

test('an export larger than any buffer is compared as it streams in, one comparison at a time', async () => {
  const simulator = await startSimulator({ PMC_CHAOS_PROFILE: 'idle' });
  await (await meet(simulator.wsUrl)).got(1);
  const header = ROW_COLUMNS.join(',');
  const foreign = `${'a'.repeat(64)},id,message,chat,elsewhere.example/x,,,,uuid,0,1,\n`;
  const ROWS_EACH = 5_000;
  const PORTIONS = 150;
  const body = foreign.repeat(ROWS_EACH);
  expect(body.length * PORTIONS).toBeGreaterThan(64 * 1_048_576);
  const gate = Promise.withResolvers<void>();
  const portions = async function* () {
    yield `${header}\n`;
    await gate.promise;
    for (let n = 0; n < PORTIONS; n++) yield body;
  };
  const asked = { method: 'POST', headers: { 'content-type': 'text/csv', expect: '100-continue' } };
  const exported = request(`${simulator.apiUrl}/api/verdict`, asked);
  const answer = once(exported, 'response') as Promise<[IncomingMessage]>;
  // Whoever is told to go on is being compared: none that is asked for after that comes before it.
  await once(exported, 'continue');
  Readable.from(portions()).pipe(exported);
  const other = await simulator.post('/api/verdict', `${header}\n`, 'text/csv');
  expect(other).toMatchObject({ code: 409, body: { error: { code: 'PMC_CHAOS_BUSY' } } });
  gate.resolve();
  const [response] = await answer;
  const verdict = (await json(response)) as ChaosVerdict;
  expect(verdict).toMatchObject({
    rows: { compared: 0, ofOtherSources: ROWS_EACH * PORTIONS },
    deviations: { lost: { total: 1 } },
  });
  // Whoever hangs up in the middle keeps nobody waiting.
  const broken = new AbortController();
  const waiting = async function* () {
    yield `${header}\n`;
    await new Promise((resolve) => broken.signal.addEventListener('abort', resolve));
  };
  const aborted = fetch(`${simulator.apiUrl}/api/verdict`, {
    method: 'POST',
    headers: { 'content-type': 'text/csv' },
    duplex: 'half',
    body: Readable.from(waiting()),
    signal: broken.signal,
  } as unknown as RequestInit);
  setTimeout(() => broken.abort(), 200);
  await expect(aborted).rejects.toThrow();
  await eventually(async () => {
    expect((await simulator.post('/api/verdict', `${header}\n`, 'text/csv')).code).toBe(200);
  });
});

test('bad requests are refused by name and change nothing', async () => {
  const simulator = await startSimulator({ PMC_CHAOS_PROFILE: 'idle' });
  const peer = await meet(simulator.wsUrl);
  for (const [path, text, code] of [
    ['/api/faults', '{"fault":"nope"}', 'PMC_CHAOS_REQUEST_INVALID'],
    ['/api/faults', '{"fault":"drop","probability":1.1}', 'PMC_CHAOS_REQUEST_INVALID'],
    ['/api/faults', '{"fault":"drop","options":{"x":1}}', 'PMC_CHAOS_FAULT_INVALID'],
    ['/api/faults', '[', 'PMC_CHAOS_REQUEST_INVALID'],
    ['/api/profile', '{}', 'PMC_CHAOS_REQUEST_INVALID'],
    ['/api/profile', '{"profile":"../../etc/passwd"}', 'PMC_CHAOS_PROFILE_UNKNOWN'],
  ] as const) {
    expect(await simulator.post(path, text)).toMatchObject({ body: { error: { code } } });
  }
  expect((await fetch(`${simulator.apiUrl}/api/faults/fault-9`, { method: 'DELETE' })).status).toBe(400);
  expect((await simulator.get('/api/faults')).body).toMatchObject({ armed: [], fired: 0 });
  expect((await simulator.get('/api/profiles')).body['current']).toBe('idle');
  // Not the protocol, and not even JSON: kept for people to see, and the link lives.
  for (const text of ['not json', '{"op":"welcome"}', '{"op":"ack","epoch":7}']) peer.socket.send(text);
  await eventually(async () => expect((await simulator.get('/api/status')).body['received']).toBe(3));
  expect(peer.socket.readyState).toBe(1);
});

test('with a token nothing answers without it; without one it listens on loopback only', async () => {
  const token = 'sixteen characters';
  const simulator = await startSimulator({ PMC_CHAOS_TOKEN: token });
  expect(await simulator.get('/api/status')).toMatchObject({
    code: 401,
    body: { error: { code: 'PMC_UNAUTHORISED' } },
  });
  expect((await simulator.post('/api/faults', '{"fault":"drop"}')).code).toBe(401);
  const headers = { authorization: `Bearer ${token}` };
  expect((await fetch(`${simulator.apiUrl}/api/status`, { headers })).status).toBe(200);
  const entered = await fetch(`${simulator.apiUrl}/?token=${encodeURIComponent(token)}`, { redirect: 'manual' });
  expect([entered.status, entered.headers.get('location')]).toEqual([303, '/']);
  const cookie = (entered.headers.get('set-cookie') ?? '').split(';', 1)[0] ?? '';
  expect((await fetch(`${simulator.apiUrl}/`, { headers: { cookie } })).status).toBe(200);
  await expect(startSimulator({ PMC_HOST: '0.0.0.0' })).rejects.toMatchObject({ code: 'PMC_CONFIG_INVALID' });
  const foreign = { method: 'POST', headers: { ...headers, 'sec-fetch-site': 'cross-site' } };
  expect((await fetch(`${simulator.apiUrl}/api/faults`, foreign)).status).toBe(401);
});
