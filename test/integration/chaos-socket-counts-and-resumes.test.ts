// The source side of pmc.v1 over real sockets: a peer that acknowledges, loses its connection, asks again or refuses. What
// the source emitted must arrive whatever happens, and the ledger must know what the peer has said.
import { once } from 'node:events';
import { expect, test, vi } from 'vitest';
import { meet, type Peer, startSimulator } from '../support/simulator.ts';

type Simulator = Awaited<ReturnType<typeof startSimulator>>;

interface Numbered {
  readonly op?: string;
  readonly stream: string;
  readonly epoch: string;
  readonly seq: number;
}

const WINDOW = 50;
const parsed = ({ frames }: Peer) => frames.map(({ bytes }) => JSON.parse(String(bytes)) as Numbered);
const events = (peer: Peer) => parsed(peer).filter(({ op }) => op === undefined);
const seqs = (peer: Peer) => events(peer).map(({ seq }) => seq);
const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, index) => first + index);

interface Joining {
  readonly last?: { epoch: string; seq: number };
  readonly path?: string;
  readonly window?: number;
}

async function join(simulator: Simulator, { last, path = '', window = WINDOW }: Joining = {}) {
  const peer = await meet(simulator.wsUrl + path, ['pmc.v1']);
  await peer.got(1);
  const [hello] = parsed(peer) as [Numbered];
  expect(hello).toMatchObject({ op: 'hello', v: 1 });
  const say = (frame: object) => peer.socket.send(JSON.stringify(frame));
  say({ op: 'welcome', last: last ?? null, limits: { window } });
  const ack = (upto: number, epoch = hello.epoch) => say({ op: 'ack', epoch, upto });
  return { ...peer, hello, say, ack };
}

const streamOf = async (simulator: Simulator) => {
  const [stream] = (await simulator.get('/api/status')).body['streams'] as { lastSeq: number; kept: number }[];
  return stream;
};

test('a peer without the subprotocol gets plain frames; with it hello, and nothing before its welcome', async () => {
  const simulator = await startSimulator({ PMC_CHAOS_RATE: '500' });
  const peer = await meet(simulator.wsUrl, ['pmc.v1']);
  await vi.waitFor(async () => expect((await streamOf(simulator))?.lastSeq).toBeGreaterThan(20));
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
  await vi.waitFor(async () => expect((await streamOf(simulator))?.lastSeq).toBeGreaterThan(3 * WINDOW));
  expect(seqs(peer)).toEqual(upTo(WINDOW));
  peer.ack(WINDOW);
  await vi.waitFor(() => expect(seqs(peer)).toEqual(upTo(2 * WINDOW)));
  const { stream, epoch } = peer.hello;
  expect(events(peer).every((event) => event.stream === stream && event.epoch === epoch)).toBe(true);
  const ledger = await simulator.ledger();
  expect(ledger.filter(({ line }) => line === 'acked')).toMatchObject([{ stream, epoch, upto: WINDOW }]);
  expect(ledger.flatMap((line) => (line.line === 'sent' ? line.seq : []))).toEqual(upTo(2 * WINDOW));
});

test('after a broken connection everything that was not acknowledged comes again, byte for byte', async () => {
  const simulator = await startSimulator({ PMC_CHAOS_RATE: '1000' });
  const first = await join(simulator);
  await vi.waitFor(() => expect(seqs(first)).toEqual(upTo(WINDOW)));
  first.socket.terminate();
  await vi.waitFor(async () => expect((await simulator.get('/api/status')).body['activeConnections']).toBe(0));
  const second = await join(simulator, { last: { epoch: first.hello.epoch, seq: 20 } });
  await vi.waitFor(() => expect(seqs(second)).toEqual(upTo(20 + WINDOW, 21)));
  expect(second.hello).toMatchObject({ stream: first.hello.stream, epoch: first.hello.epoch });
  const textOf = (peer: Peer, seq: number) => String(peer.frames[peer === first ? seq : seq - 20]?.bytes);
  expect(textOf(second, 30)).toBe(textOf(first, 30));
});

test('a gap is closed when asked for; what a fault has destroyed is unavailable', async () => {
  const simulator = await startSimulator({ PMC_CHAOS_RATE: '200' });
  const drop = (options: object) => JSON.stringify({ fault: 'drop', options });
  const peer = await join(simulator, { window: 10_000 });
  await vi.waitFor(() => expect(seqs(peer).length).toBeGreaterThan(2));
  await simulator.post('/api/faults', drop({ recoverable: true }));
  await simulator.post('/api/faults', drop({ recoverable: false }));
  const missing = () => upTo(Math.max(...seqs(peer))).filter((seq) => !seqs(peer).includes(seq));
  await vi.waitFor(() => expect(missing()).toHaveLength(2));
  const withheld = (await simulator.ledger()).flatMap((line) => (line.line === 'withheld' ? line : []));
  expect(withheld.map(({ seq }) => seq)).toEqual(missing());
  expect(withheld.map(({ recoverable }) => recoverable)).toEqual([true, false]);
  const [kept = 0, gone = 0] = missing();
  peer.say({ op: 'resend', epoch: peer.hello.epoch, from: kept, to: gone });
  await vi.waitFor(() => expect(seqs(peer)).toContain(kept));
  expect(parsed(peer).find(({ op }) => op === 'unavailable')).toMatchObject({ from: gone, to: gone });
  expect(missing()).toEqual([gone]);
});

test('faults of the counter and of acknowledgements do to the stream what they say', async () => {
  const simulator = await startSimulator({ PMC_CHAOS_RATE: '200' });
  const peer = await join(simulator, { window: 10_000 });
  await vi.waitFor(() => expect(seqs(peer).length).toBeGreaterThan(5));
  await simulator.post('/api/faults', '{"fault":"ack_loss"}');
  await vi.waitFor(async () => expect((await simulator.get('/api/status')).body['faultsFired']).toBe(1));
  peer.ack(3);
  await vi.waitFor(async () => expect((await simulator.ledger()).some(({ line }) => line === 'acked')).toBe(true));
  const { lastSeq, kept } = (await streamOf(simulator)) ?? { lastSeq: 0, kept: 0 };
  expect(kept).toBe(lastSeq);
  await simulator.post('/api/faults', '{"fault":"seq_regress","options":{"by":2}}');
  await vi.waitFor(() => expect(new Set(seqs(peer)).size).toBe(seqs(peer).length - 2), 5_000);
  const repeated = (await simulator.sent()).filter((line) => line.expect === 'conflict');
  expect(repeated).toHaveLength(2);
  await simulator.post('/api/faults', '{"fault":"epoch_reset"}');
  await vi.waitFor(() => expect(parsed(peer).filter(({ op }) => op === 'hello')).toHaveLength(2));
  const fresh = parsed(peer).findLast(({ op }) => op === 'hello');
  expect(fresh?.epoch).not.toBe(peer.hello.epoch);
  await vi.waitFor(() => expect(events(peer).filter(({ epoch }) => epoch === fresh?.epoch)[0]?.seq).toBe(1));
  await simulator.post('/api/faults', '{"fault":"close_before_ack"}');
  await vi.waitFor(async () => expect((await simulator.get('/api/status')).body['faultsFired']).toBe(4));
  const closed = once(peer.socket, 'close');
  peer.socket.on('error', () => undefined);
  peer.ack(1, fresh?.epoch);
  expect((await closed)[0]).toBe(1006);
});

test('each source of many has its own path, stream and numbers; there is no other path', async () => {
  const simulator = await startSimulator({ PMC_CHAOS_CONNECTIONS: '3', PMC_CHAOS_RATE: '300' });
  const paths = upTo(3).map((n) => `/source-${n}`);
  const peers = await Promise.all(paths.map((path) => join(simulator, { path })));
  await vi.waitFor(() => expect(peers.every((peer) => seqs(peer).length > 5)).toBe(true), 10_000);
  expect(new Set(peers.map(({ hello }) => hello.stream)).size).toBe(3);
  for (const peer of peers) expect(seqs(peer)).toEqual(upTo(seqs(peer).length));
  await expect(meet(`${simulator.wsUrl}/source-4`)).rejects.toThrow('404');
  const { sourceUrls } = simulator.health.report().facts['chaos'] as { sourceUrls: string[] };
  expect(sourceUrls).toEqual(paths.map((path) => simulator.wsUrl + path));
});
