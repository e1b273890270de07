// Clients that nobody here wrote: Node's own WebSocket as a line client (frames in, lines out), and curl with the calls that the
// original simulator documents. Whoever worked with the original works with this one.
import { execFile, spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { eventually, meet, startSimulator } from '../support/simulator.ts';

/** As websocat: what comes is a line on stdout, a line on stdin is sent. No library, and not the one that the simulator uses. */
const LINE_CLIENT = `const socket = new WebSocket(...JSON.parse(process.argv[1]));
socket.onmessage = ({ data }) => console.log(data);
socket.onclose = ({ code }) => process.exit(code === 1001 || code === 1000 ? 0 : 1);
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => socket.send(line));`;

function lineClient(...args: readonly unknown[]) {
  const child = spawn(process.execPath, ['-e', LINE_CLIENT, JSON.stringify(args)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill());
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return { lines, say: (text: string) => child.stdin.write(`${text}\n`), ended };
}

test('a plain line client is greeted, gets every event, is heard, and told when it ends', async () => {
  const simulator = await startSimulator({ PMC_CHAOS_RATE: '100', PMC_CHAOS_SEED: '4' });
  const client = lineClient(simulator.wsUrl);
  await eventually(() => expect(client.lines.length).toBeGreaterThan(50));
  const frames = client.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(frames[0]).toMatchObject({ event: 'connection', status: 'connected' });
  expect(frames.slice(1).every(({ id, timestamp }) => typeof id === 'string' && typeof timestamp === 'string')).toBe(
    true,
  );
  client.say('{"event":"message","chat":"a","content":"from elsewhere"}');
  client.say('not json');
  await eventually(async () => expect((await simulator.get('/api/status')).body['received']).toBe(2));
  await simulator.stop();
  expect(await client.ended).toBe(0);
});

test('a line client can speak pmc.v1 by hand', async () => {
  const simulator = await startSimulator({ PMC_CHAOS_RATE: '100' });
  const client = lineClient(simulator.wsUrl, ['pmc.v1']);
  await eventually(() => expect(client.lines).toHaveLength(1));
  const { op, epoch } = JSON.parse(client.lines[0] ?? '') as { op: string; epoch: string };
  expect(op).toBe('hello');
  client.say('{"op":"welcome","last":null,"limits":{"window":5}}');
  await eventually(() => expect(client.lines).toHaveLength(6));
  client.say(JSON.stringify({ op: 'ack', epoch, upto: 5 }));
  await eventually(() => expect(client.lines).toHaveLength(11));
});

describe.skipIf(spawnSync('curl', ['--version']).status !== 0)(
  'the calls that the original documents, by curl:',
  () => {
    const curl = async (...args: readonly string[]) => {
      const { stdout } = await promisify(execFile)('curl', ['--silent', '--show-error', '--max-time', '10', ...args]);
      return JSON.parse(stdout) as Record<string, unknown>;
    };
    const post = (url: string, json: object) =>
      curl('-X', 'POST', url, '-H', 'Content-Type: application/json', '-d', JSON.stringify(json));

    async function started() {
      const simulator = await startSimulator({ CHAOS_PROFILE: 'idle' });
      const peer = await meet(simulator.wsUrl);
      await peer.got(1);
      const texts = () => peer.frames.map(({ bytes }) => String(bytes));
      return { apiUrl: simulator.apiUrl, peer, texts };
    }

    test('GET /api/status, /api/events, /api/profiles, /api/profile/:name', async () => {
      const { apiUrl } = await started();
      expect(await curl(`${apiUrl}/api/status`)).toMatchObject({
        activeConnections: 1,
        profile: { name: 'Idle', messagesPerMinute: 0.5, messageRate: '120000ms' },
      });
      expect(await curl(`${apiUrl}/api/events`)).toMatchObject({
        available: ['message', 'typing', 'read', 'delivered', 'presence', 'reaction', 'edit', 'delete'],
      });
      expect(await curl(`${apiUrl}/api/profiles`)).toMatchObject({
        current: 'idle',
        available: expect.arrayContaining(['idle', 'moderate', 'busy', 'flood']) as string[],
      });
      expect(await curl(`${apiUrl}/api/profile/busy`)).toMatchObject({
        timing: { messages_per_minute: 8 },
        sender: { count: 1_000 },
      });
    });

    test('POST /api/send-event, to all, to one, and to nobody', async () => {
      const { apiUrl, peer, texts } = await started();
      const event = { event: 'typing', sender: 'user@example.com', chat: 'chat_1', status: 'composing' };
      expect(await post(`${apiUrl}/api/send-event`, { event })).toEqual({
        success: true,
        sent: 1,
        activeConnections: 1,
      });
      await post(`${apiUrl}/api/send-event`, { event, connectionId: 'connection-1' });
      expect(await post(`${apiUrl}/api/send-event`, { event, connectionId: 'nobody' })).toMatchObject({ sent: 0 });
      await peer.got(3);
      expect(texts().slice(1)).toEqual([JSON.stringify(event), JSON.stringify(event)]);
    });

    test('POST /api/send-message with a whole message, as it is', async () => {
      const { apiUrl, peer, texts } = await started();
      const message = { id: 'msg_123', type: 'text', content: 'Test message' };
      const answer = await post(`${apiUrl}/api/send-message`, { message });
      expect(answer).toEqual({ success: true, sent: 1, activeConnections: 1 });
      await peer.got(2);
      expect(texts()[1]).toBe(JSON.stringify(message));
      expect(await post(`${apiUrl}/api/send-message`, {})).toMatchObject({
        error: { code: 'PMC_CHAOS_REQUEST_INVALID' },
      });
    });
  },
);
