// The simulator over real sockets: its ledger is what its peers got, its API sends exact bytes, and a peer that does not
// read costs events that are counted, not memory.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { eventually, meet, startSimulator } from '../support/simulator.ts';

async function onlyLedgerIn(home: string): Promise<string> {
  const names = (await readdir(join(home, 'chaos'))).filter((name) => name.startsWith('ledger-'));
  expect(names).toHaveLength(1);
  return join(home, 'chaos', String(names[0]));
}

/** A peer that asks to be upgraded and then reads nothing and answers nothing. */
function joinDeaf(wsUrl: string): void {
  const deaf = connect(Number(new URL(wsUrl).port), '127.0.0.1');
  onTestFinished(() => void deaf.destroy());
  deaf.pause();
  const head = ['GET / HTTP/1.1', 'Host: x', 'Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13'];
  deaf.write(`${[...head, 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='].join('\r\n')}\r\n\r\n`);
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

test('what every peer got is what the ledger says, frame by frame, over several connections', async () => {
  const simulator = await startSimulator({ PMC_CHAOS_RATE: '2000', PMC_CHAOS_SEED: '7' });
  const peers = await Promise.all([1, 2, 3].map(() => meet(simulator.wsUrl)));
  await Promise.all(peers.map((peer) => peer.got(200)));
  const closed = peers.map((peer) => once(peer.socket, 'close'));
  await simulator.ledger();
  for (const peer of peers) peer.socket.close();
  await Promise.all(closed);
  const ledger = await simulator.sent();
  const status = (await simulator.get('/api/status')).body;
  expect(ledger.length).toBe(status['sent']);
  expect(new Set(ledger.map(({ run, seed }) => `${run} ${seed}`))).toEqual(new Set([`${String(status['run'])} 7`]));

  const sent = Map.groupBy(ledger, ({ connectionId }) => connectionId);
  expect(sent.size).toBe(3);
  const received = peers.map((peer) => peer.frames.map(({ bytes }) => sha256(bytes)));
  for (const lines of sent.values()) {
    expect(lines.map(({ n }) => n)).toEqual(lines.map((_, index) => index + 1));
    const hashes = lines.map((line) => line.sha256);
    const peer = received.find((one) => one[0] === hashes[0] && one[1] === hashes[1]);
    // What was on its way while the peer said goodbye is in the ledger but may not have arrived.
    expect(peer?.length).toBeGreaterThanOrEqual(200);
    expect(peer).toEqual(hashes.slice(0, peer?.length));
  }
  const ids = ledger.flatMap(({ id }) => id ?? []);
  expect(new Set(ids).size).toBe(ids.length);
});

test('of several sources each follows its own plan, whoever dials first', async () => {
  const happenings = async (order: readonly string[]) => {
    const simulator = await startSimulator({ CHAOS_PROFILE: 'demo', PMC_CHAOS_SEED: '3', PMC_CHAOS_CONNECTIONS: '2' });
    const said: Record<string, unknown[]> = {};
    const peers: [string, Awaited<ReturnType<typeof meet>>][] = [];
    for (const path of order) peers.push([path, await meet(simulator.wsUrl + path)]);
    for (const [path, peer] of peers) {
      await peer.got(9);
      said[path] = peer.frames.slice(0, 9).map(({ bytes }) => {
        const { event, chat, sender, reader } = JSON.parse(String(bytes)) as Record<string, unknown>;
        return [event, chat, sender, reader];
      });
    }
    return said;
  };
  const [one, other] = [await happenings(['/source-1', '/source-2']), await happenings(['/source-2', '/source-1'])];
  expect(other).toEqual(one);
  expect(one['/source-1']).not.toEqual(one['/source-2']);
});

test('the hello comes first, on whatever subprotocol and path; each peer has its own stream at the pace of the profile', async () => {
  const simulator = await startSimulator({ CHAOS_PROFILE: 'demo', PMC_CHAOS_SEED: '1' });
  const first = await meet(`${simulator.wsUrl}/any/path`, ['chat.v9', 'other']);
  const second = await meet(simulator.wsUrl);
  expect([first.socket.protocol, second.socket.protocol]).toEqual(['chat.v9', '']);
  await Promise.all([first.got(3), second.got(3)]);
  const parsed = [first, second].map(({ frames }) =>
    frames.map(({ bytes }) => JSON.parse(String(bytes)) as { event: string; id: string }),
  );
  for (const frames of parsed) {
    expect(frames.map(({ event }) => event === 'connection')).toEqual(frames.map((_, index) => index === 0));
  }
  const ids = parsed.flatMap((frames) => frames.slice(1).map(({ id }) => id));
  expect(new Set(ids).size).toBe(ids.length);
  expect(simulator.health.report()).toMatchObject({ ready: true, facts: { counters: { connectionsOpen: 2 } } });
});

test('events, messages and raw bytes go out exactly as given, to one peer or to all', async () => {
  const simulator = await startSimulator({ PMC_CHAOS_PROFILE: 'idle' });
  const [first, second] = [await meet(simulator.wsUrl), await meet(simulator.wsUrl)];
  await Promise.all([first.got(1), second.got(1)]);
  const exact = '{ "event":"message", "n": 1.0e2, "s":"\\ud800\\u0000" , "n": 2}';
  const event = await simulator.post('/api/send-event', `{"event":${exact} ,"connectionId":"connection-1"}`);
  expect(event).toEqual({ code: 200, body: { success: true, sent: 1, activeConnections: 2 } });
  const base64 = Buffer.from([0x7b, 0xff, 0x00]).toString('base64');
  await simulator.post('/api/send-raw', JSON.stringify({ base64, connectionId: 'connection-1' }));
  await simulator.post('/api/send-raw', JSON.stringify({ base64, binary: true, connectionId: 'connection-1' }));
  const raw = await simulator.post('/api/send-raw', JSON.stringify({ text: '{"cut' }));
  expect(raw.body).toMatchObject({ sent: 2, sizeBytes: 5 });
  const message = await simulator.post('/api/send-message', '{"content":"/ping","chat":"chat_1","sender":"me"}');
  await simulator.post('/api/send-message', '{"message":{"content" : 1}}');
  await first.got(7);
  expect(first.frames.slice(1, 5)).toEqual([
    { bytes: Buffer.from(exact), binary: false },
    { bytes: Buffer.from([0x7b, 0xff, 0x00]), binary: false },
    { bytes: Buffer.from([0x7b, 0xff, 0x00]), binary: true },
    { bytes: Buffer.from('{"cut'), binary: false },
  ]);
  const { id } = message.body;
  expect(JSON.parse(String(first.frames[5]?.bytes))).toMatchObject({
    id,
    content: '/ping',
    chat: 'chat_1',
    sender: 'me',
  });
  expect(String(first.frames[6]?.bytes)).toBe('{"content" : 1}');
  const hashes = (await simulator.sent()).filter(({ connectionId }) => connectionId === 'connection-1');
  expect(hashes.map((line) => line.sha256)).toEqual(first.frames.map(({ bytes }) => sha256(bytes)));
});

test('what peers send can be looked up, malformed or not, and by chat', async () => {
  const simulator = await startSimulator({ PMC_CHAOS_PROFILE: 'idle' });
  const peer = await meet(simulator.wsUrl);
  for (const text of ['{"event":"message","chat":"a","content":"pong"}', 'not json', '{"op":"ack"}'])
    peer.socket.send(text);
  await eventually(async () => expect((await simulator.get('/api/status')).body['received']).toBe(3));
  const { frames } = (await simulator.get('/api/received?chat=a')).body;
  expect(frames).toMatchObject([{ connectionId: 'connection-1', frame: { content: 'pong' }, chat: 'a' }]);
  const newest = (await simulator.get('/api/received?limit=2')).body;
  expect(newest).toMatchObject({ kept: 3, dropped: 0, frames: [{ text: 'not json' }, { text: '{"op":"ack"}' }] });
  expect(await simulator.metrics.metrics()).toContain('pmc_chaos_frames_received_total{outcome="malformed"} 1');
});

test('bad requests are refused with a code and a message, and send nothing', async () => {
  const simulator = await startSimulator({ PMC_CHAOS_PROFILE: 'idle' });
  const peer = await meet(simulator.wsUrl);
  const bad: [string, string, string?][] = [
    ['/api/send-event', '{}'],
    ['/api/send-event', '{"event":"text"}'],
    ['/api/send-event', '{"event":[]}'],
    ['/api/send-event', '{"event":{}'],
    ['/api/send-event', ''],
    ['/api/send-message', '{"chat":"a"}'],
    ['/api/send-raw', '{"base64":"%%%"}'],
    ['/api/send-raw', '{"text":"a","base64":"YQ=="}'],
  ];
  for (const [path, text] of bad) {
    const { code, body } = await simulator.post(path, text);
    expect([path, text, code, body]).toEqual([
      path,
      text,
      400,
      { error: { code: 'PMC_CHAOS_REQUEST_INVALID', message: expect.stringMatching(/\w{5}/) as string } },
    ]);
  }
  expect((await simulator.get('/api/received?limit=0')).code).toBe(400);
  expect((await simulator.post('/api/send-event', '{"event":{}}', 'text/plain')).code).toBe(415);
  expect((await simulator.get('/api/nothing')).code).toBe(404);
  expect(await simulator.get('/api/profile/nope')).toMatchObject({
    code: 404,
    body: { error: { code: 'PMC_CHAOS_PROFILE_UNKNOWN' } },
  });
  expect((await simulator.get('/api/profile/flood')).body).toMatchObject({ name: 'Flood', sender: { count: 10_000 } });
  expect((await simulator.get('/api/profiles')).body).toMatchObject({ current: 'idle' });
  expect((await simulator.get('/api/events')).body['available']).toHaveLength(8);
  expect((await simulator.get('/api/status')).body).toMatchObject({ sent: 1, activeConnections: 1 });
  expect(peer.frames.length).toBeLessThanOrEqual(1);
});

test('a peer that never reads costs counted events and bounded memory, the others get theirs', async () => {
  const simulator = await startSimulator({ PMC_CHAOS_PROFILE: 'idle' });
  joinDeaf(simulator.wsUrl);
  await eventually(async () => expect((await simulator.get('/api/status')).body['activeConnections']).toBe(1));
  const peer = await meet(simulator.wsUrl);
  const body = JSON.stringify({ text: JSON.stringify({ filler: 'x'.repeat(1_000_000) }) });
  let refused = 0;
  for (let n = 0; n < 30; n++) if ((await simulator.post('/api/send-raw', body)).body['sent'] === 1) refused++;
  expect(refused).toBeGreaterThan(3);
  await peer.got(31);
  const status = (await simulator.get('/api/status')).body;
  expect(status).toMatchObject({ offered: 62, sent: 62 - refused, notSent: { 'buffer-full': refused } });
  for (const { bufferedBytes } of status['connections'] as { bufferedBytes: number }[]) {
    expect(bufferedBytes).toBeLessThan(6_000_000);
  }
});

test('stopping says goodbye with 1001, also to a peer that does not answer, and completes the ledger', async () => {
  const simulator = await startSimulator({ PMC_CHAOS_RATE: '500' });
  const peer = await meet(simulator.wsUrl);
  await peer.got(50);
  joinDeaf(simulator.wsUrl);
  await eventually(async () => expect((await simulator.get('/api/status')).body['activeConnections']).toBe(2));
  const closed = once(peer.socket, 'close');
  await simulator.stop();
  expect((await closed)[0]).toBe(1001);
  const ledger = (await readFile(await onlyLedgerIn(simulator.home), 'utf8')).trimEnd().split('\n');
  const sent = ledger.filter((line) => line.startsWith('{"line":"sent"'));
  const ofPeer = sent.filter((line) => line.includes('"connectionId":"connection-1"'));
  expect(peer.frames).toHaveLength(ofPeer.length);
  const counters = simulator.health.report().facts['counters'];
  expect(counters).toMatchObject({ eventsOffered: sent.length, eventsSent: sent.length });
});

test('a taken port is named with its variable', async () => {
  const simulator = await startSimulator();
  const { port } = new URL(simulator.wsUrl);
  await expect(startSimulator({ WS_PORT: port })).rejects.toMatchObject({
    code: 'PMC_PORT_TAKEN',
    details: { variable: 'WS_PORT' },
  });
});
