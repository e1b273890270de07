import { beforeEach, expect, test, vi } from 'vitest';
import { PROTOCOL_LIMITS } from '../../schemas/protocol/codes.ts';
import { GRANTED, type Peer, Rig, STARTED_MS } from './session.testing.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});

const HOUR_MS = 3_600_000;

let rig: Rig;
let peer: Peer;

beforeEach(async () => {
  rig = await Rig.open();
  peer = await rig.welcomed();
});

test.for([
  ['back', -HOUR_MS],
  ['forth', HOUR_MS],
] as const)(
  'a gap is asked for and given up in its own time, whatever a clock that is set %s says',
  async ([, movedMs]) => {
    rig.movedMs = movedMs;
    peer.sends(1, 3);
    await rig.settled();
    rig.pass(6_000, peer);
    expect(peer.heardOf('resend').length).toBeGreaterThanOrEqual(2);
    expect(rig.gaps.map(({ kind }) => kind)).toEqual(['gap_open']);
    rig.pass(PROTOCOL_LIMITS.gapMs, peer);
    expect(rig.gaps.map(({ kind }) => kind)).toEqual(['gap_open', 'gap_lost']);
  },
);

test('a source that is dialled is read again in its own time, and what is told is of the wall clock', async () => {
  peer = await rig.welcomed({}, { ...GRANTED, source: 'dialled', isDialled: true, pausedAt: 10 });
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    peer.sends(...Array.from({ length: 15 }, (_, index) => index + 1));
    expect(peer.socket.isPaused).toBe(true);
    rig.movedMs = -HOUR_MS;
    rig.nowMs += 600;
    vi.advanceTimersByTime(600);
    expect(peer.socket.isPaused).toBe(false);
  } finally {
    vi.useRealTimers();
  }
  await rig.settled();
  expect(peer.heardOf('ack').at(-1)).toMatchObject({ upto: 15, ts: STARTED_MS + 600 - HOUR_MS });
});
