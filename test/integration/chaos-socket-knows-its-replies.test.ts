// What the simulator keeps of the replies that come to it, over real sockets: each is acknowledged until its evidence is known to be on
// the log, the ledger says which pong was heard, and a peer that says a reply again where it may not is found.
import { expect, test } from 'vitest';
import { ROW_COLUMNS } from '../../producers/chaos-socket/verdict/exported-row.ts';
import type { ChaosVerdict } from '../../producers/chaos-socket/verdict/verdict.ts';
import { gone, join, parsed, type Simulator } from '../support/joined-simulator.ts';
import { eventually, meet, type Peer, startSimulator } from '../support/simulator.ts';

const at = (offset: number) => ({ log_epoch: 'l', pos: { 'pmc.messages.outgoing/0': offset } });
const deliver = (id: string, offset: number) => {
  return { op: 'deliver', ...at(offset), event: { event: 'message', id, content: 'pong' } };
};
const said = (peer: Peer) => {
  const frames = parsed(peer).slice(1) as { op?: string; ids?: string[]; t?: unknown; n?: number }[];
  return frames.filter(({ op }) => op !== undefined);
};
/** What the ledger says of replies. */
const repliesOf = async (simulator: Simulator) =>
  (await simulator.ledger()).flatMap((line) => {
    if (line.line === 'reply') return `${line.connectionId} ${line.id}`;
    if (line.line === 'handled') return `${line.ids.join(' and ')} in ${line.batch}`;
    return line.line === 'heard' ? `heard ${line.batch} on ${line.connectionId}` : [];
  });

test('a reply is acknowledged by its id, again until that is known to have arrived, and the ledger has both', async () => {
  const simulator = await startSimulator({ PMC_CHAOS_RATE: '20' });
  const first = await join(simulator, { in: { recovered: true, ...at(3) } });
  first.say(deliver('r1', 4));
  await eventually(() => expect(said(first)).toHaveLength(3));
  const [ack, credit, ping] = said(first);
  expect([ack, credit]).toEqual([
    { op: 'ack', ids: ['r1'] },
    { op: 'credit', n: 1 },
  ]);
  // One batch at a time: the next is said when the first has certainly arrived.
  first.say(deliver('r2', 5));
  first.say(deliver('r3', 6));
  await eventually(async () =>
    expect((await simulator.ledger()).filter(({ line }) => line === 'reply')).toHaveLength(3),
  );
  expect(said(first)).toHaveLength(3);
  first.say({ op: 'pong', t: ping?.t });
  await eventually(() => expect(said(first)).toHaveLength(6));
  expect(said(first).slice(3, 5)).toEqual([
    { op: 'ack', ids: ['r2', 'r3'] },
    { op: 'credit', n: 2 },
  ]);
  first.socket.terminate();
  await gone(simulator);

  const second = await join(simulator, { in: { recovered: true, ...at(6) } });
  expect(second.hello).toMatchObject({ resume: { in: at(6) } });
  await eventually(() => expect(said(second)).toHaveLength(2));
  expect(said(second)[0]).toEqual({ op: 'ack', ids: ['r2', 'r3'] });
  second.say({ op: 'pong', t: said(second)[1]?.t });
  // Of no batch that is on its way: they say nothing.
  for (const t of [said(second)[1]?.t, 4_000, undefined]) second.say({ op: 'pong', t });
  second.say(deliver('r3', 6));
  await eventually(() => expect(said(second)[2]).toEqual({ op: 'ack', ids: ['r3'] }));
  const [one, other] = ['connection-1', 'connection-2'];
  expect(await repliesOf(simulator)).toEqual([
    ...[`${one} r1`, 'r1 in 1', `${one} r2`, `${one} r3`, `heard 1 on ${one}`, 'r2 and r3 in 2'],
    ...['r2 and r3 in 3', `heard 3 on ${other}`, `${other} r3`, 'r3 in 4'],
  ]);
});

test('a peer that says a reply again over the connection on which it was acknowledged is found', async () => {
  const simulator = await startSimulator({ PMC_CHAOS_RATE: '20' });
  const judged = async () => {
    const { body } = await simulator.post('/api/verdict', `${ROW_COLUMNS.join(',')}\n`, 'text/csv');
    const { deviations, findings, replies } = body as unknown as ChaosVerdict;
    return {
      ...deviations.repeated,
      ids: findings.flatMap(({ kind, id }) => (kind === 'repeated' ? id : [])),
      replies,
    };
  };
  const arrived = (lines: number) => eventually(async () => expect((await repliesOf(simulator)).length).toBe(lines));
  const first = await join(simulator, { in: { recovered: true, ...at(3) } });
  first.say(deliver('r1', 4));
  await arrived(2);
  // While the first batch is on its way nothing else is acknowledged: what comes twice meanwhile may.
  for (const id of ['r2', 'r2']) first.say(deliver(id, 5));
  await arrived(4);
  expect(await judged()).toMatchObject({ total: 0, replies: { received: 2, cameAgain: 1, heard: 0 } });
  first.say(deliver('r1', 4));
  await arrived(5);
  expect(await judged()).toMatchObject({ total: 1, explained: 0, ids: ['r1'] });
  first.socket.terminate();
  await gone(simulator);

  // From where it resumes a peer may say again what it has said, and no other time.
  const second = await join(simulator, { in: { recovered: true, ...at(3) } });
  for (const [index, id] of ['r1', 'r2'].entries()) second.say(deliver(id, 4 + index));
  await arrived(8);
  expect(await judged()).toMatchObject({ total: 1, ids: ['r1'], replies: { received: 2, cameAgain: 4 } });
});

test('a source that does not count says nothing to a reply', async () => {
  const simulator = await startSimulator({ PMC_CHAOS_PROTOCOL: 'legacy', PMC_CHAOS_PROFILE: 'idle' });
  const peer = await meet(simulator.wsUrl, ['pmc.v1']);
  await peer.got(1);
  const at = { log_epoch: 'l', pos: { 'pmc.messages.outgoing/0': 1 } };
  peer.socket.send(JSON.stringify({ op: 'deliver', ...at, event: { event: 'message', id: 'r1' } }));
  await eventually(async () => expect((await simulator.get('/api/status')).body['received']).toBe(1));
  expect(parsed(peer).filter(({ op }) => op !== undefined)).toEqual([]);
  expect((await simulator.ledger()).map(({ line }) => line)).not.toContain('reply');
});
