// The source side of pmc.v1 over real sockets: a peer that acknowledges, loses its connection, asks again or refuses. What
// the source emitted must arrive whatever happens, and the ledger must know what the peer has said.
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { gone, join, parsed, type Simulator } from '../support/joined-simulator.ts';
import { eventually, meet, type Peer, startSimulator } from '../support/simulator.ts';

const WINDOW = 50;
const events = (peer: Peer) => parsed(peer).filter(({ op }) => op === undefined);
const seqs = (peer: Peer) => events(peer).map(({ seq }) => seq);
const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, index) => first + index);

const streamOf = async (simulator: Simulator) => {
  const [stream] = (await simulator.get('/api/status')).body['streams'] as { lastSeq: number; kept: number }[];
  return stream;
};

test('a peer without the subprotocol gets plain frames; with it hello, and nothing before its welcome', async () => {
  const simulator = await startSimulator({ PMC_CHAOS_RATE: '500' });
  const peer = await meet(simulator.wsUrl, ['pmc.v1']);
  await peer.got(1);
  await eventually(async () => expect((await streamOf(simulator))?.lastSeq).toBeGreaterThan(20));
  expect(peer.frames).toHaveLength(1);
  const plain = await startSimulator({ PMC_CHAOS_PROTOCOL: 'legacy' });
  const same = await meet(plain.wsUrl, ['pmc.v1']);
  await same.got(1);
  expect([same.socket.protocol, events(same)[0]]).toMatchObject(['pmc.v1', { event: 'connection' }]);
  const always = await startSimulator({ PMC_CHAOS_PROTOCOL: 'pmc.v1' });
  const silent = await meet(always.wsUrl);
  await silent.got(1);
  expect(parsed(silent)).toMatchObject([{ op: 'hello' }]);
});

test('numbers are dense, the window is honoured, and acknowledgements let more through', async () => {
  const simulator = await startSimulator({ PMC_CHAOS_RATE: '2000', PMC_CHAOS_SEED: '3' });
  const peer = await join(simulator);
  await peer.got(1 + WINDOW);
  await eventually(async () => expect((await streamOf(simulator))?.lastSeq).toBeGreaterThan(3 * WINDOW));
  expect(seqs(peer)).toEqual(upTo(WINDOW));
  peer.ack(WINDOW);
  await eventually(() => expect(seqs(peer)).toEqual(upTo(2 * WINDOW)));
  const { stream, epoch } = peer.hello;
  expect(events(peer).every((event) => event.stream === stream && event.epoch === epoch)).toBe(true);
  const ledger = await simulator.ledger();
  expect(ledger.filter(({ line }) => line === 'acked')).toMatchObject([{ stream, epoch, upto: WINDOW }]);
  expect(ledger.flatMap((line) => (line.line === 'sent' ? line.seq : []))).toEqual(upTo(2 * WINDOW));
});

test('after a broken connection everything that was not acknowledged comes again, byte for byte', async () => {
  const simulator = await startSimulator({ PMC_CHAOS_RATE: '1000' });
  const first = await join(simulator);
  await eventually(() => expect(seqs(first)).toEqual(upTo(WINDOW)));
  first.socket.terminate();
  await eventually(async () => expect((await simulator.get('/api/status')).body['activeConnections']).toBe(0));
  const second = await join(simulator, { last: { epoch: first.hello.epoch, seq: 20 } });
  await eventually(() => expect(seqs(second)).toEqual(upTo(20 + WINDOW, 21)));
  expect(second.hello).toMatchObject({ stream: first.hello.stream, epoch: first.hello.epoch });
  const textOf = (peer: Peer, seq: number) => String(peer.frames[peer === first ? seq : seq - 20]?.bytes);
  expect(textOf(second, 30)).toBe(textOf(first, 30));
});

test('a gap is closed when asked for; what a fault has destroyed is unavailable', async () => {
  const simulator = await startSimulator({ PMC_CHAOS_RATE: '200' });
  const drop = (options: object) => JSON.stringify({ fault: 'drop', options });
  const peer = await join(simulator, { window: 10_000 });
  await eventually(() => expect(seqs(peer).length).toBeGreaterThan(2));
  await simulator.post('/api/faults', drop({ recoverable: true }));
  await simulator.post('/api/faults', drop({ recoverable: false }));
  const missing = () => upTo(Math.max(...seqs(peer))).filter((seq) => !seqs(peer).includes(seq));
  await eventually(() => expect(missing()).toHaveLength(2));
  const withheld = (await simulator.ledger()).flatMap((line) => (line.line === 'withheld' ? line : []));
  expect(withheld.map(({ seq }) => seq)).toEqual(missing());
  expect(withheld.map(({ recoverable }) => recoverable)).toEqual([true, false]);
  const [kept = 0, gone = 0] = missing();
  peer.say({ op: 'resend', epoch: peer.hello.epoch, from: kept, to: gone });
  await eventually(() => expect(seqs(peer)).toContain(kept));
  expect(parsed(peer).find(({ op }) => op === 'unavailable')).toMatchObject({ from: gone, to: gone });
  expect(missing()).toEqual([gone]);
});

test('faults of the counter and of acknowledgements do to the stream what they say', async () => {
  const simulator = await startSimulator({ PMC_CHAOS_RATE: '200' });
  const peer = await join(simulator, { window: 10_000 });
  await eventually(() => expect(seqs(peer).length).toBeGreaterThan(5));
  await simulator.post('/api/faults', '{"fault":"ack_loss"}');
  await eventually(async () => expect((await simulator.get('/api/status')).body['faultsFired']).toBe(1));
  peer.ack(3);
  await eventually(async () => expect((await simulator.ledger()).some(({ line }) => line === 'acked')).toBe(true));
  const { lastSeq, kept } = (await streamOf(simulator)) ?? { lastSeq: 0, kept: 0 };
  expect(kept).toBe(lastSeq);
  await simulator.post('/api/faults', '{"fault":"seq_regress","options":{"by":2}}');
  await eventually(() => expect(new Set(seqs(peer)).size).toBe(seqs(peer).length - 2));
  const repeated = (await simulator.sent()).filter((line) => line.expect === 'conflict');
  const setBack = (await simulator.ledger()).find((one) => one.line === 'fault' && one.fault === 'seq_regress');
  expect(repeated).toMatchObject(Array(2).fill({ firing: setBack?.line === 'fault' ? setBack.firing : -1 }));
  await simulator.post('/api/faults', '{"fault":"epoch_reset"}');
  await eventually(() => expect(parsed(peer).filter(({ op }) => op === 'hello')).toHaveLength(2));
  const fresh = parsed(peer).findLast(({ op }) => op === 'hello');
  expect(fresh?.epoch).not.toBe(peer.hello.epoch);
  await eventually(() => expect(events(peer).filter(({ epoch }) => epoch === fresh?.epoch)[0]?.seq).toBe(1));
  await simulator.post('/api/faults', '{"fault":"close_before_ack"}');
  await eventually(async () => expect((await simulator.get('/api/status')).body['faultsFired']).toBe(4));
  const closed = once(peer.socket, 'close');
  peer.socket.on('error', () => undefined);
  peer.ack(1, fresh?.epoch);
  expect((await closed)[0]).toBe(1006);
});

const arm = async (simulator: Simulator, fault: string) => {
  await simulator.post('/api/faults', JSON.stringify({ fault }));
  await eventually(async () => expect((await simulator.get('/api/status')).body['faultsFired']).toBe(1));
};

test('nack: what an acknowledgement covers comes again, byte for byte, and is settled by the next one', async () => {
  const simulator = await startSimulator({ PMC_CHAOS_RATE: '200' });
  const peer = await join(simulator, { window: 5 });
  await eventually(() => expect(seqs(peer)).toEqual(upTo(5)));
  await arm(simulator, 'nack');
  peer.ack(3);
  await eventually(() => expect(seqs(peer)).toEqual([...upTo(5), ...upTo(3)]));
  const texts = peer.frames.slice(1).map(({ bytes }) => String(bytes));
  expect(texts.slice(5)).toEqual(texts.slice(0, 3));
  // In the ledger each is one frame that was sent twice, and there is nothing that it could not explain.
  const sent = (await simulator.sent()).filter(({ seq }) => seq !== undefined && seq <= 3);
  expect(new Set(sent.map(({ sha256 }) => sha256)).size).toBe(3);
  peer.ack(5);
  await eventually(() => expect(seqs(peer)).toEqual([...upTo(5), ...upTo(3), ...upTo(10, 6)]));
});

test('ack_lie: what was taken for acknowledged is not sent again, and unavailable to whoever asks', async () => {
  const simulator = await startSimulator({ PMC_CHAOS_RATE: '200' });
  const peer = await join(simulator, { window: 10_000 });
  await eventually(() => expect(seqs(peer).length).toBeGreaterThan(3));
  await arm(simulator, 'ack_lie');
  const lied = (await simulator.sent()).find(({ firing }) => firing === 1)?.seq ?? 0;
  expect(lied).toBeGreaterThan(3);
  await eventually(() => expect(seqs(peer)).toContain(lied + 3));
  peer.socket.terminate();
  await gone(simulator);
  const { epoch } = peer.hello;
  const again = await join(simulator, { last: { epoch, seq: lied - 2 }, window: 10_000 });
  await eventually(() => expect(seqs(again)).toContain(lied + 3));
  expect(seqs(again).slice(0, 4)).toEqual([lied - 1, lied + 1, lied + 2, lied + 3]);
  again.say({ op: 'resend', epoch, from: lied, to: lied });
  const unavailable = () => parsed(again).filter(({ op }) => op === 'unavailable');
  await eventually(() => expect(unavailable()).toMatchObject([{ epoch, from: lied, to: lied }]));
  expect((await simulator.sent()).filter(({ seq }) => seq === lied)).toHaveLength(1);
});

test("a peer's final nack settles an event and is in the ledger; a temporary one has it sent again", async () => {
  const simulator = await startSimulator({ PMC_CHAOS_RATE: '200' });
  const peer = await join(simulator, { window: 4 });
  await eventually(() => expect(seqs(peer)).toEqual(upTo(4)));
  const { stream, epoch } = peer.hello;
  peer.say({ op: 'nack', epoch, seq: 2, code: 107, reason: 'too large' });
  await eventually(() => expect(seqs(peer)).toEqual(upTo(5)));
  peer.say({ op: 'nack', epoch, seq: 3, code: 111, reason: 'later', retry_after_ms: 20 });
  await eventually(() => expect(seqs(peer)).toEqual([...upTo(5), 3]));
  // Not this epoch's, not a number that is there: nothing changes.
  for (const odd of [{ epoch: 'another', seq: 4 }, { epoch, seq: 4_000 }, { epoch }])
    peer.say({ op: 'nack', code: 107, ...odd });
  peer.socket.terminate();
  await gone(simulator);
  const again = await join(simulator, { window: 6 });
  await eventually(() => expect(seqs(again)).toEqual([1, 3, 4, 5, 6, 7]));
  const refused = (await simulator.ledger()).filter(({ line }) => line === 'refused');
  expect(refused).toMatchObject([
    { stream, epoch, seq: 2, code: 107 },
    { epoch: 'another', seq: 4 },
    { epoch, seq: 4_000 },
  ]);
});

test('numbers that an acknowledgement names as duplicates only are settled too', async () => {
  const simulator = await startSimulator({ PMC_CHAOS_RATE: '200' });
  const peer = await join(simulator, { window: 4 });
  await eventually(() => expect(seqs(peer)).toEqual(upTo(4)));
  peer.say({ op: 'ack', epoch: peer.hello.epoch, upto: 0, at: [[2, 'topic', 0, 17]], dup: [3], ts: 1 });
  await eventually(() => expect(seqs(peer)).toEqual(upTo(6)));
  const acked = (await simulator.ledger()).filter(({ line }) => line === 'acked');
  expect(acked).toMatchObject([{ upto: 0, at: [2, 3] }]);
});

test('what the protocol says does not get between the pieces of a frame on a thin line', async () => {
  const simulator = await startSimulator({ PMC_CHAOS_RATE: '20' });
  const peer = await join(simulator, { window: 10_000 });
  const options = { bytesPerSecond: 1_000, forMs: 3_000 };
  await simulator.post('/api/faults', JSON.stringify({ fault: 'slow_writer', options }));
  await eventually(async () => expect((await simulator.get('/api/status')).body['faultsFired']).toBe(1));
  const before = seqs(peer).length;
  for (let t = 0; t < 40; t++) {
    peer.say({ op: 'ping', t });
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  await eventually(() => expect(seqs(peer).length).toBeGreaterThan(before + 3));
  const pongs = () => parsed(peer).filter(({ op }) => op === 'pong') as unknown as { t: number }[];
  await eventually(() => expect(pongs().map(({ t }) => t)).toEqual(Array.from({ length: 40 }, (_, t) => t)));
  expect(seqs(peer)).toEqual(upTo(seqs(peer).length));
});

test('each source of many has its own path, stream and numbers; there is no other path', async () => {
  const simulator = await startSimulator({ PMC_CHAOS_CONNECTIONS: '3', PMC_CHAOS_RATE: '300' });
  const paths = upTo(3).map((n) => `/source-${n}`);
  const peers = await Promise.all(paths.map((path) => join(simulator, { path })));
  await eventually(() => expect(peers.every((peer) => seqs(peer).length > 5)).toBe(true));
  expect(new Set(peers.map(({ hello }) => hello.stream)).size).toBe(3);
  for (const peer of peers) expect(seqs(peer)).toEqual(upTo(seqs(peer).length));
  await expect(meet(`${simulator.wsUrl}/source-4`)).rejects.toThrow('404');
  const { sourceUrls } = simulator.health.report().facts['chaos'] as { sourceUrls: string[] };
  expect(sourceUrls).toEqual(paths.map((path) => simulator.wsUrl + path));
});
