// What a session leaves behind that ends before it was welcomed, and what it says of a dispatch when it is gone.
import { expect, test, vi } from 'vitest';
import type { Delivery } from './receiver.ts';
import { GRANTED, LOG_EPOCH, Rig } from './session.testing.ts';
import type { StreamPosition } from './streams.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});

test('one that ends while its position is looked up speaks for no stream: what is missing is not given up meanwhile', async () => {
  const found = Promise.withResolvers<StreamPosition | undefined>();
  const rig = await Rig.open({ find: () => found.promise });
  const [attached, left] = [vi.spyOn(rig.downward, 'attach'), vi.spyOn(rig.streams, 'leave')];
  const peer = rig.connect();
  peer.hello();
  await rig.turns();
  peer.socket.closed(1006);
  found.resolve(undefined);
  await rig.turns();
  expect([left.mock.calls.length, left.mock.calls[0]?.[0].speaker]).toEqual([1, undefined]);
  expect([attached.mock.calls.length, peer.heard()]).toEqual([0, []]);
});

test('of a source that was dialled a dispatch is delivered when its socket has taken it, of another when it is open', async () => {
  const rig = await Rig.open();
  const about = { replyId: 'r1', source: GRANTED.source, connection: null, chat: 'c', inReplyTo: null, eventKey: 'k' };
  const dispatch = { ...about, command: 'ping', content: 'pong', createdAt: 0 };
  const delivery = { dispatch, logEpoch: LOG_EPOCH, position: () => ({}) } as unknown as Delivery;
  const [dialled, other] = [
    await rig.welcomed({}, { ...GRANTED, isDialled: true }),
    await rig.welcomed({ stream: 't' }),
  ];
  expect([await dialled.session.deliver(delivery), await other.session.deliver(delivery)]).toEqual([true, true]);
  for (const { socket } of [dialled, other]) socket.sendFailure = new Error('reset');
  expect([await dialled.session.deliver(delivery), await other.session.deliver(delivery)]).toEqual([false, true]);
});
