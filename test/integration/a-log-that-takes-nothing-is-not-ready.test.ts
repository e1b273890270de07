// A broker that answers and takes no appends to one topic, as where its replicas are not in sync. The communicator says so for as long as
// it lasts, whoever is connected and whoever comes hears of it, and afterwards all that waited is on the log, once.
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { TopicPartition } from '../../kafka/log.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { pause } from '../../service/backoff.ts';
import { CountingPeer } from '../support/gateway/counting-peer.ts';
import { judgeCounted, judgeTold, NOTHING_WRONG } from '../support/gateway/crash-verdict.ts';
import { GatewayBench } from '../support/gateway/gateway-bench.ts';
import { TellingSource } from '../support/gateway/telling-source.ts';
import { unchanging, until } from '../support/gateway/until.ts';
import { API } from '../support/log/kafka-frames.ts';
import { withDamagedRecords, withProduceError } from '../support/log/produce-frames.ts';

const NOT_ENOUGH_REPLICAS = 19;
const LOOKS = 100;
const EVERY_MS = 100;

let bench: GatewayBench;
let peers: { stop(): Promise<void> }[] = [];

beforeAll(async () => {
  // So few in memory that whoever comes later finds the sockets of users not read.
  bench = await GatewayBench.start({ PMC_INFLIGHT_MAX: '64' });
});

afterEach(async () => {
  await bench.communicator.end('SIGKILL');
  await Promise.all(peers.map((peer) => peer.stop()));
  peers = [];
  bench.cluster.heal();
  await bench.forgetTheDead();
});

afterAll(async () => {
  await bench?.stop();
});

/** Nothing is written, for the broker finds the records damaged, and what it answers is what a leader says that has too few replicas in sync. */
function takesNothing(): void {
  const { proxy } = bench.cluster.node(1);
  const isIncoming = ({ topic }: TopicPartition): boolean => topic === TOPIC.incoming;
  proxy.onRequest(({ apiKey }, frame) => (apiKey === API.Produce ? withDamagedRecords(frame, isIncoming) : frame));
  proxy.onAnswer(({ apiKey, apiVersion, frame }) =>
    apiKey === API.Produce ? withProduceError(frame, apiVersion, NOT_ENOUGH_REPLICAS, isIncoming) : 'pass',
  );
}

async function user(name: string): Promise<CountingPeer> {
  const peer = new CountingPeer({ name, chats: 3, token: await bench.token(name) });
  peers.push(peer);
  peer.dial(bench.communicator.usersUrl);
  return peer;
}

const isTold = ({ complaints }: CountingPeer): boolean =>
  complaints.some((one) => one.op === 'error' && one.code === 111);

test.for(['kafkajs', 'platformatic'])('%s', async (client) => {
  const legacy = await TellingSource.start(`legacy-${client}`);
  peers.push(legacy);
  bench.communicator.start({ PMC_SOURCES: `legacy+${legacy.url}`, PMC_KAFKA_APPENDER: client });
  await bench.communicator.ready();
  const ana = await user(`ana-${client}`);
  await until('everybody is connected', () => ana.isOpen && legacy.isOpen);
  ana.say(10);
  await until('what she says is on the log', () => ana.isSettled);

  takesNothing();
  ana.say(100);
  legacy.say(200);
  const log = async (): Promise<{ ready: boolean; detail: string } | undefined> =>
    (await bench.communicator.readiness())?.checks['log'];
  await until('it says that it is not ready', async () => (await log())?.ready === false);
  await until('ana is told', () => isTold(ana));
  await unchanging('what is taken', () => bench.communicator.counter('framesReceived'));
  // Though a broker answers, a new connection is made again and again, and pmc.sources takes what is appended.
  for (let look = 0; look < LOOKS; look += 1) {
    const now = await log();
    expect([now?.ready, now?.detail]).toEqual([false, expect.stringContaining(TOPIC.incoming)]);
    await pause(EVERY_MS);
  }
  const bea = await user(`bea-${client}`);
  await until('bea is welcomed and told', () => bea.isOpen && isTold(bea));
  bea.say(5);
  expect(ana.closes).toEqual([]);
  expect(bea.closes).toEqual([]);

  bench.cluster.heal();
  await until('all is acknowledged', () => ana.isSettled && bea.isSettled);
  await until('the spool is empty', async () => (await bench.communicator.counter('spoolBytes')) === 0);
  await until('it is ready again', async () => (await bench.communicator.readiness())?.ready === true);
  expect(await bench.communicator.end('SIGTERM')).toBe(0);
  const found = await bench.log();
  const texts = [...found.incoming, ...found.rejected];
  expect(texts.filter(({ value }) => value.source === new URL(legacy.url).host)).toHaveLength(legacy.toldTotal);
  expect(judgeTold(new URL(legacy.url).host, legacy, found)).toEqual(NOTHING_WRONG);
  for (const peer of [ana, bea]) {
    expect(judgeCounted(peer, found), bench.communicator.lines.join('\n')).toEqual(NOTHING_WRONG);
    const own = found.incoming.filter(({ value }) => value.streamEpoch === peer.epoch);
    expect(own).toHaveLength(peer.sent.length);
    expect([peer.closes[0], peer.welcomes]).toEqual([4001, 1]);
  }
});
