// The load of the ingest benchmark, in a process of its own: `ingest-load.ts URL TOKEN`, told by its parent what to do and
// answering when it is done. `saturate` sends as fast as acknowledgements come; `steady` sends at a fixed rate whatever comes back (an
// open loop: a frame's time runs from the moment it was due, not from when it could be sent); `idle` opens connections and keeps them.
import { setTimeout as sleep } from 'node:timers/promises';
import { IngestPeer } from './ingest-peer.ts';
import { VALUE_BYTES } from './log-topic.ts';
import { percentile } from './percentile.ts';

export type LoadOrder =
  | { readonly do: 'saturate'; readonly windowFrames: number; readonly rampMs: number; readonly measuredMs: number }
  | { readonly do: 'steady'; readonly perSecond: number; readonly rampMs: number; readonly measuredMs: number }
  | { readonly do: 'connect' | 'idle'; readonly connections: number };

export interface LoadAnswer {
  /** Acknowledged in the measured time. */
  readonly acked: number;
  readonly tookMs: number;
  /** Of frames that were due in the measured time; empty for other orders than `steady`. */
  readonly latenciesMs: Readonly<Record<'p50' | 'p99' | 'p999' | 'max', number>> | undefined;
}

const OPENED_AT_ONCE = 50;
const TICK_MS = 2;
/** Due times by number; more are never unacknowledged at once. */
const REMEMBERED = 65_536;
const SETTLE_MAX_MS = 30_000;

const [url = '', token = ''] = process.argv.slice(2);
const peers: IngestPeer[] = [];
const run = Date.now().toString(36);
let ackedTotal = 0;
let onAcked = (_peer: IngestPeer, _before: number, _upto: number): void => undefined;
let failure: string | undefined;

process.once('disconnect', () => process.exit());
process.on('message', (order: LoadOrder) => {
  void obey(order).then(
    (answer) => process.send?.(failure === undefined ? answer : { failure }),
    (error: unknown) => process.send?.({ failure: failure ?? String(error) }),
  );
});

async function obey(order: LoadOrder): Promise<LoadAnswer> {
  switch (order.do) {
    case 'connect':
    case 'idle':
      return await connect(order.connections);
    case 'saturate':
      return await saturate(order);
    case 'steady':
      return await steady(order);
  }
}

async function connect(connections: number): Promise<LoadAnswer> {
  const startedMs = performance.now();
  while (peers.length < connections) {
    const count = Math.min(OPENED_AT_ONCE, connections - peers.length);
    const opened = Array.from({ length: count }, (_, index) =>
      IngestPeer.open({
        ...{ url, token, name: `bench-${run}-${peers.length + index}`, payloadBytes: VALUE_BYTES },
        onAcked: (peer, before, upto) => {
          ackedTotal += upto - before;
          onAcked(peer, before, upto);
        },
        onFailure: (what) => {
          failure ??= what;
        },
      }),
    );
    peers.push(...(await Promise.all(opened)));
  }
  return { acked: 0, tookMs: performance.now() - startedMs, latenciesMs: undefined };
}

async function saturate({ windowFrames, rampMs, measuredMs }: Extract<LoadOrder, { do: 'saturate' }>) {
  // Half a window at a time: a write for each acknowledged frame would make this process the bottleneck.
  onAcked = (peer) => {
    if (peer.unacked <= windowFrames / 2) peer.send(windowFrames - peer.unacked);
  };
  for (const peer of peers) peer.send(windowFrames);
  await sleep(rampMs);
  const [startedMs, before] = [performance.now(), ackedTotal];
  await sleep(measuredMs);
  const [tookMs, acked] = [performance.now() - startedMs, ackedTotal - before];
  onAcked = () => undefined;
  await settled();
  return { acked, tookMs, latenciesMs: undefined };
}

async function steady({ perSecond, rampMs, measuredMs }: Extract<LoadOrder, { do: 'steady' }>): Promise<LoadAnswer> {
  const dueMs = new Map(peers.map((peer) => [peer, new Float64Array(REMEMBERED)]));
  const startedMs = performance.now();
  const [fromMs, untilMs] = [startedMs + rampMs, startedMs + rampMs + measuredMs];
  const latencies: number[] = [];
  onAcked = (peer, before, upto) => {
    const due = dueMs.get(peer) as Float64Array;
    const nowMs = performance.now();
    for (let seq = before + 1; seq <= upto; seq += 1) {
      const at = due[seq % REMEMBERED] as number;
      if (at >= fromMs && at < untilMs) latencies.push(nowMs - at);
    }
  };
  let next = 0;
  for (let nowMs = startedMs; nowMs < untilMs; nowMs = performance.now()) {
    const until = Math.floor(((nowMs - startedMs) * perSecond) / 1_000);
    while (next < until) {
      // A few to each peer in turn, each with its own due time.
      const peer = peers[Math.floor(next / 4) % peers.length] as IngestPeer;
      const count = Math.min(4 - (next % 4), until - next);
      const first = peer.send(count);
      const due = dueMs.get(peer) as Float64Array;
      for (let index = 0; index < count; index += 1) {
        due[(first + index) % REMEMBERED] = startedMs + ((next + index) * 1_000) / perSecond;
      }
      next += count;
    }
    await sleep(TICK_MS);
  }
  await settled();
  onAcked = () => undefined;
  const sorted = Float64Array.from(latencies).sort();
  const latenciesMs = {
    p50: percentile(sorted, 0.5),
    p99: percentile(sorted, 0.99),
    p999: percentile(sorted, 0.999),
    max: percentile(sorted, 1),
  };
  return { acked: latencies.length, tookMs: measuredMs, latenciesMs };
}

/** Everything that was sent is acknowledged: what is not is an error, not a figure. */
async function settled(): Promise<void> {
  const deadlineMs = performance.now() + SETTLE_MAX_MS;
  const missing = (): number => peers.reduce((sum, { unacked }) => sum + unacked, 0);
  while (missing() > 0 && failure === undefined) {
    if (performance.now() > deadlineMs) throw new Error(`${missing()} frames were not acknowledged`);
    await sleep(TICK_MS);
  }
}
