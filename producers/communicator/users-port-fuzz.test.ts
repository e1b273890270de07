import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import fc from 'fast-check';
import { Registry } from 'prom-client';
import { expect, test, vi } from 'vitest';
import { freePorts } from '../../test/support/free-ports.ts';
import { communicatorMetrics } from './metrics.ts';
import { GRANTED, Rig } from './session.testing.ts';
import { UsersPort } from './users-port.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});

const UPGRADE = [
  'GET / HTTP/1.1',
  'Host: 127.0.0.1',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
  'Sec-WebSocket-Protocol: pmc.v1',
].join('\r\n');
const PIECES_MAX = 12;

/** A frame as the standard has it, or nearly: any opcode and bits, a mask or none, a length that is true or not. */
function wireFrame(first: number, isMasked: boolean, payload: Uint8Array, lie: number): Buffer {
  const length = Math.min(125, payload.length + lie);
  const header = Buffer.from([first, (isMasked ? 0x80 : 0) | length, ...(isMasked ? [0, 0, 0, 0] : [])]);
  return Buffer.concat([header, payload]);
}

const said = (frame: object): Buffer => Buffer.from(JSON.stringify(frame));
const hello = wireFrame(0x81, true, said({ op: 'hello', v: 1, stream: 's', epoch: 'E1' }), 0);
const event = fc.integer({ min: 1, max: 400 }).map((seq) => wireFrame(0x81, true, said({ event: 'message', seq }), 0));
const payload = fc.uint8Array({ maxLength: 100 });
const odd = fc
  .tuple(fc.nat(255), fc.boolean(), payload, fc.constantFrom(0, 0, 0, 1, 20))
  .map(([first, isMasked, bytes, lie]) => wireFrame(first, isMasked, bytes, lie));
const tooLarge = fc.constantFrom(Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]));
const noise = payload.map((bytes) => Buffer.from(bytes));
const pieces = fc.array(fc.oneof({ weight: 6, arbitrary: event }, { weight: 3, arbitrary: odd }, noise, tooLarge), {
  maxLength: PIECES_MAX,
});
const upgrade = fc.oneof(
  { weight: 8, arbitrary: fc.constant(`${UPGRADE}\r\n\r\n`) },
  { weight: 1, arbitrary: fc.constant(`${UPGRADE.replace(/\r\nSec-WebSocket-Protocol.*/, '')}\r\n\r\n`) },
  { weight: 1, arbitrary: fc.nat(UPGRADE.length).map((cut) => `${UPGRADE.slice(0, cut)}\r\n\r\n`) },
);

/** Returns the code that the port closed it with, if it said one. */
async function attack(
  port: number,
  start: string,
  rest: readonly Buffer[],
  isAbrupt: boolean,
): Promise<number | undefined> {
  const socket: Socket = connect(port, '127.0.0.1');
  const heard: Buffer[] = [];
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => heard.push(chunk));
  await once(socket, 'connect');
  const gone = new Promise((resolve) => socket.once('close', resolve));
  for (const piece of [Buffer.from(start), hello, ...rest]) socket.write(piece);
  if (isAbrupt) socket.destroy();
  else socket.end();
  await gone;
  return closeCodeIn(Buffer.concat(heard));
}

function closeCodeIn(heard: Buffer): number | undefined {
  for (let at = heard.indexOf('\r\n\r\n') + 4; at + 4 <= heard.length; ) {
    if (heard[at] === 0x88) return heard.readUInt16BE(at + 2);
    const short = heard[at + 1] ?? 0;
    at += short === 126 ? 4 + heard.readUInt16BE(at + 2) : 2 + short;
  }
  return undefined;
}

test('whatever bytes come, the port goes on, forgets who left, and every frame that got a number is accounted for', async () => {
  const rig = await Rig.open();
  const [port = 0] = await freePorts(1);
  const metrics = communicatorMetrics(new Registry());
  const codes = new Set<number>();
  const users = await UsersPort.open({
    ...{ address: { host: '127.0.0.1', port }, origins: [], connectionsMax: 1_000, connectionsPerSubject: 1_000 },
    ...{ session: rig.deps, metrics, clock: rig.deps.steady, admit: () => GRANTED },
  });
  try {
    await fc.assert(
      fc.asyncProperty(upgrade, pieces, fc.boolean(), async (start, rest, isAbrupt) => {
        const code = await attack(port, start, rest, isAbrupt);
        if (code !== undefined) codes.add(code);
      }),
      { numRuns: 1_000, endOnFailure: true },
    );
    await expect.poll(() => users.connections, { timeout: 20_000 }).toBe(0);
    await rig.settled();
    const { received, settledUpTo, inFlight } = rig.ingest.settlement;
    expect([settledUpTo, inFlight]).toEqual([received, 0]);
    // It came through to where it was to be tried.
    expect(rig.incoming()).toBeGreaterThan(100);
    // Broken framing and too large a frame, by the codes of the standard; no protocol of ours, by ours.
    expect([...codes]).toEqual(expect.arrayContaining([1002, 1009, 4504]));
  } finally {
    await users.stop();
  }
}, 120_000);
