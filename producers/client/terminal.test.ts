// The client as a program, against the model gateway: what it prints, what it reads, and its exit codes.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test, vi } from 'vitest';
import { tokenOf } from '../../service/token-format.ts';
import { readCommandLine } from './command-line.ts';
import { SocketGateway } from './socket-gateway.testing.ts';
import { runOnTerminal } from './terminal.ts';
import { outcomeText } from './wording.ts';

/** For what goes over a socket. */
const PATIENCE_MS = 20_000;

async function gateway() {
  const server = await SocketGateway.listen();
  onTestFinished(() => server.stop());
  return server;
}

function scratchFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'pmc-client-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'events.db');
}

function start(...args: string[]) {
  const invocation = readCommandLine(args, {});
  if (invocation.do !== 'run') throw new Error(invocation.text);
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const interruption = new AbortController();
  const code = runOnTerminal(invocation.settings, {
    stdin,
    stdout,
    stderr,
    environment: {},
    signal: interruption.signal,
  }).finally(() => {
    stdout.end();
    stderr.end();
  });
  let complaints = '';
  stderr.on('data', (chunk: Buffer) => {
    complaints += chunk.toString();
  });
  const [out, isSilent] = [text(stdout), once(stderr, 'end')];
  const ended = async () => {
    await isSilent;
    return { code: await code, out: await out, complaints };
  };
  return { stdin, ended, complaints: () => complaints, interrupt: () => interruption.abort() };
}

test('lines are messages, objects are events, and each acknowledgement says where', async () => {
  const server = await gateway();
  const run = start('--url', server.url, '--chat', 'c1', '--sender', 'ann', '--json');
  run.stdin.end('hello\n\n{"event":"typing","sender":"ann","chat":"c1","status":"composing"}\nlast');
  const { code, out } = await run.ended();
  expect(code).toBe(0);
  expect(
    out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
  ).toMatchObject([
    { type: 'acknowledged', seq: 1, topic: 'in', partition: 0, offset: 0, isDuplicate: false },
    { seq: 2, offset: 1 },
    { seq: 3, offset: 2 },
  ]);
  const sent = server.model.log.map((one) => JSON.parse(one.text) as Record<string, unknown>);
  expect(sent).toMatchObject([
    { event: 'message', sender: 'ann', chat: 'c1', content: 'hello' },
    { event: 'typing', status: 'composing' },
    { content: 'last' },
  ]);
});

test('replies are printed, and waited for as long as was asked', async () => {
  const server = await gateway();
  const run = start('--url', server.url, '--wait', '30');
  run.stdin.end('/ping\n');
  await vi.waitFor(() => expect(server.model.log).toHaveLength(1), PATIENCE_MS);
  server.model.dispatch('r1');
  server.flush();
  await vi.waitFor(() => expect([...server.model.acknowledged]).toEqual(['r1']), PATIENCE_MS);
  run.interrupt();
  const { code, out } = await run.ended();
  expect(code).toBe(130);
  expect(out).toMatch(/^acknowledged \w{26} in-0@0\nreply r1 \{/);
});

test('a reply says which line it answers, unless that is right above it', async () => {
  const server = await gateway();
  const run = start('--url', server.url, '--wait', '30');
  run.stdin.write('/ping\n');
  const deliver = (n: number, content: string, metadata: object): void =>
    server.say({ op: 'deliver', log_epoch: 'model', pos: { 'out/0': n }, event: { id: `r${n}`, content, metadata } });
  const sent = async (count: number): Promise<readonly string[]> => {
    await vi.waitFor(() => expect(server.model.log).toHaveLength(count), PATIENCE_MS);
    return server.model.log.map(({ id }) => id);
  };
  const [ping] = await sent(1);
  deliver(1, 'pong', { in_reply_to: ping });
  await vi.waitFor(() => expect([...server.model.acknowledged]).toEqual(['r1']), PATIENCE_MS);
  run.stdin.write(`\n/status\n/search ${'tomatoes '.repeat(10)}\n`);
  const [, status, search] = await sent(3);
  deliver(2, 'well', { in_reply_to: status });
  deliver(3, 'none', { in_reply_to: search });
  deliver(4, 'late', { in_reply_to: 'of-yesterday' });
  deliver(5, 'by the way', {});
  await vi.waitFor(() => expect(server.model.acknowledged.size).toBe(5), PATIENCE_MS);
  run.interrupt();
  const { out } = await run.ended();
  expect(out.split('\n').filter((line) => line.startsWith('reply'))).toEqual([
    'reply r1 pong',
    'reply r2 to line 3 (/status): well',
    'reply r3 to line 4 (/search tomatoes tomatoes tomatoes tomat…): none',
    'reply r4 to event of-yesterday: late',
    'reply r5 by the way',
  ]);
});

test('what the gateway says of an event names its line', async () => {
  const server = await gateway();
  const run = start('--url', server.url);
  run.stdin.write('hello\n{"event":"poke","chat":"c"}\n');
  await vi.waitFor(() => expect(server.model.log).toHaveLength(2), PATIENCE_MS);
  server.model.refusals = 1;
  run.stdin.end('too fast\n');
  const { code, complaints } = await run.ended();
  expect(code).toBe(0);
  expect(complaints.trim().split('\n')).toEqual([
    'client: the gateway says 116 about line 2 ({"event":"poke","chat":"c"}): kept as unknown',
    'client: the gateway says 109 about line 3 (too fast): too fast (for now)',
  ]);
});

test('a refusal names its line for people, and is as it was for programs', () => {
  const refusal = { ok: false, ticket: 2, seq: 2, id: 'm', code: 108, reason: 'content is too large' } as const;
  expect(outcomeText(refusal, false, 'line 2 (x)')).toBe('refused m 108 content is too large, line 2 (x)');
  expect(outcomeText(refusal, false, undefined)).toBe('refused m 108 content is too large');
  const { ok: _, ticket: __, ...rest } = refusal;
  expect(JSON.parse(outcomeText(refusal, true, 'line 2 (x)'))).toEqual({ type: 'refused', ...rest });
});

test('what is wrong with a line is said with its number, and the rest goes on', async () => {
  const server = await gateway();
  const run = start('--url', server.url);
  run.stdin.end('{"event":\n{"event":"x","seq":5}\nfine\n');
  const { code, complaints } = await run.ended();
  expect(complaints).toMatch(/line 1 is not JSON/);
  expect(complaints).toMatch(/line 2: PMC_CLIENT_EVENT_INVALID: seq:/);
  expect([code, server.model.log.length]).toEqual([6, 1]);
  const all = start('--url', server.url);
  all.stdin.end('{\n');
  expect((await all.ended()).code).toBe(4);
});

test('it gives up when it was told to, keeps the events, and sends them next time', async () => {
  const store = scratchFile();
  const run = start('--url', 'ws://127.0.0.1:1', '--store', store, '--give-up', '1');
  run.stdin.end('one\ntwo\n');
  const { code, complaints } = await run.ended();
  expect(code).toBe(7);
  expect(complaints).toContain(`2 events were not acknowledged; they are in ${store}`);
  const server = await gateway();
  const next = start('--url', server.url, '--store', store);
  next.stdin.end();
  const after = await next.ended();
  expect([after.code, after.complaints]).toEqual([0, 'client: 2 events of an earlier run are sent first\n']);
  expect(after.out.split('\n').filter((line) => line.startsWith('acknowledged'))).toHaveLength(2);
});

test.for([
  ['events that nobody takes', 'one\n'],
  ['nothing to send, and replies that nobody brings', ''],
  ['more lines than it keeps', 'x\n'.repeat(10_050)],
] as const)('with --wait it gives up in time where no gateway is: %s', async ([, input]) => {
  const run = start('--url', 'ws://127.0.0.1:1', '--wait', '1');
  // The second begins with the input: by then it has been told that nobody is there.
  await vi.waitFor(() => expect(run.complaints()).toContain('ECONNREFUSED'), PATIENCE_MS);
  run.stdin.end(input);
  const { code, complaints } = await run.ended();
  expect(code).toBe(7);
  expect(complaints).toMatch(
    /^client: not connected to ws:\/\/127\.0\.0\.1:1 \(connect ECONNREFUSED 127\.0\.0\.1:1\); trying again/,
  );
  expect(complaints).toContain('PMC_CLIENT_GAVE_UP: ws://127.0.0.1:1 was not reached in 1 s (connect ECONNREFUSED');
  // What to do about it is said, once.
  expect(complaints.match(/this is what --url says/g)).toHaveLength(1);
});

test('with --wait it gives up where a gateway acknowledges nothing', async () => {
  const server = await gateway();
  const run = start('--url', server.url, '--wait', '1');
  server.model.refusals = Number.POSITIVE_INFINITY;
  run.stdin.write('one\n');
  // The second begins with the end of the input: by then it is connected.
  await vi.waitFor(() => expect(server.received.join()).toContain('"one"'), PATIENCE_MS);
  run.stdin.end();
  const { code, complaints } = await run.ended();
  expect([code, complaints]).toEqual([
    7,
    expect.stringContaining(`PMC_CLIENT_GAVE_UP: ${server.url} has acknowledged nothing for 1 s\n`),
  ]);
});

test('it says what to do about a token', async () => {
  const server = await gateway();
  const complaintsOf = async (closesWith: number, ...token: readonly string[]): Promise<string> => {
    server.closesWith = closesWith;
    const { code, complaints } = await start('--url', server.url, ...token).ended();
    expect(code).toBe(5);
    return complaints;
  };
  const make = '`npm run -s pmc -- token create --role user --subject NAME` makes one';
  const good = tokenOf(new Uint8Array(32));
  expect(await complaintsOf(4_501)).toContain(`no token was given: ${make}; put it into PMC_TOKEN`);
  expect(await complaintsOf(4_501, '--token', `${good}x`)).toContain(`cut off or mistyped: ${make}`);
  expect(await complaintsOf(4_501, '--token', good)).toContain('does not count there (any more)');
  expect(await complaintsOf(4_502, '--token', good)).toContain('wants a token of role user');
});

test('it says when a token is not taken, and when a store is in use', async () => {
  const server = await gateway();
  server.closesWith = 4_501;
  const run = start('--url', server.url, '--token', 'wrong');
  expect(await run.ended()).toMatchObject({ code: 5, complaints: expect.stringContaining('PMC_CLIENT_UNAUTHORISED') });
  const store = scratchFile();
  const first = start('--url', 'ws://127.0.0.1:1', '--store', store);
  first.stdin.write('x\n');
  await vi.waitFor(async () => {
    const second = await start('--url', 'ws://127.0.0.1:1', '--store', store, '--give-up', '0').ended();
    expect(second).toMatchObject({ code: 4, complaints: expect.stringContaining('PMC_CLIENT_STORE_BUSY') });
  }, PATIENCE_MS);
  first.interrupt();
  expect((await first.ended()).code).toBe(130);
  const nowhere = await start('--url', 'http://127.0.0.1').ended();
  expect(nowhere).toMatchObject({ code: 2, complaints: expect.stringContaining('ws: or wss:') });
});

test.for([
  [['--wait', 'soon'], 2, /number of seconds/],
  [['--sotre', 'x'], 2, /unknown option/],
  [['extra'], 2, /too many arguments/],
  [['--help'], 0, /Exit codes/],
] as const)('%j explains', ([args, exitCode, why]) => {
  expect(readCommandLine(args, {})).toEqual({ do: 'explain', exitCode, text: expect.stringMatching(why) });
});

test('the token may come from the environment', () => {
  expect(readCommandLine([], { PMC_TOKEN: 'secret' })).toMatchObject({ settings: { token: 'secret' } });
  expect(readCommandLine(['--token', 'own'], { PMC_TOKEN: 'secret' })).toMatchObject({ settings: { token: 'own' } });
});
