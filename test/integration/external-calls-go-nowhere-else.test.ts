// External APIs that answer too much, falsely or from elsewhere, and names that lead where nobody may go: nothing of it is believed,
// followed or called.

import { once } from 'node:events';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import type { Resolve } from '../../consumers/commands/external/names.ts';
import { ApisUnderTest, POST } from '../support/apis-under-test.ts';
import { answerJson } from '../support/misbehaving-api.ts';

let apis: ApisUnderTest;

beforeEach(async () => {
  apis = await ApisUnderTest.start(inject('databaseUrl'));
});

afterEach(async () => {
  await apis[Symbol.asyncDispose]();
});

test('a huge answer is cut off as it comes', async () => {
  let written = 0;
  apis.api.on('/a', async (answer, socket) => {
    answer.writeHead(200);
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    while (!socket.destroyed && written < 1e9) {
      written += 65_536;
      if (!answer.write(Buffer.alloc(65_536, 'x'))) await Promise.race([once(answer, 'drain'), closed]);
    }
  });
  const asking = apis.asking(apis.declared({ response_kib_max: 16, retries: 0 }));
  expect(await asking.ask('/api a x')).toBe('a: not done, its answer is larger than 16 KiB.');
  expect(written).toBeLessThan(64 * 1_048_576);
});

test('a redirect is not followed', async () => {
  apis.api.on('/a', (answer) => void answer.writeHead(302, { location: apis.api.url('/b') }).end());
  apis.api.on('/b', answerJson({ text: 'elsewhere' }));
  expect(await apis.asking(apis.declared({})).ask('/api a x')).toBe(
    `a: not done, answered 302, a redirect to ${apis.api.url('/b')}, which is not followed.`,
  );
  expect(apis.api.asked('/b')).toEqual([]);
});

test('an answer that lies about its length is not believed', async () => {
  apis.api.on('/a', (_answer, socket) => void socket.end('HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"text":"cut'));
  expect(await apis.asking(apis.declared({ ...POST })).ask('/api a x')).toContain(
    'it is not known whether this was done',
  );
  const short = '{"text":"longer than it says"}';
  apis.api.on('/b', (_answer, socket) => void socket.end(`HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n${short}`));
  // By what the parser has seen first: the end that was said, or that it is none.
  const longer = await apis.asking(apis.declared(POST, 'b')).ask('/api b x');
  expect(longer).toMatch(/^b: (done, but its answer has no response\.text|it is not known whether this was done)/);
  apis.api.on('/c', (_answer, socket) => {
    const chunked = 'HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n';
    socket.end(chunked);
  });
  expect(await apis.asking(apis.declared(POST, 'c')).ask('/api c x')).toContain(
    'it is not known whether this was done',
  );
});

test('a private address is not called, by whatever name', async () => {
  apis.api.on('/a', answerJson({ text: 'reached' }));
  const names = ['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]', '2130706433', '0x7f.1'];
  for (const host of names) {
    const declarations = apis.declared({
      url: `http://${host}:${apis.api.port}/a`,
      private_addresses: false,
      arguments: [],
    });
    expect(await apis.asking(declarations).ask('/api a')).toMatch(
      /^a: not done, .* leads to .*, which is not a public address\.$/,
    );
  }
  expect(apis.api.arrived).toEqual([]);
});

test('a name is resolved once for an attempt, and the connection goes to what was judged', async () => {
  apis.api.on('/a', answerJson({ text: 'reached' }));
  const names: string[] = [];
  const resolve: Resolve = (host) => {
    names.push(host);
    return Promise.resolve([{ address: '127.0.0.1', family: 4 }]);
  };
  const url = `http://api.invalid:${apis.api.port}/a`;
  expect(await apis.asking(apis.declared({ url, arguments: [] }), resolve).ask('/api a')).toBe('reached');
  expect(names).toEqual(['api.invalid']);
  const refused = apis.declared({ url, arguments: [], private_addresses: false }, 'b');
  expect(await apis.asking(refused, resolve).ask('/api b')).toBe(
    'b: not done, api.invalid leads to 127.0.0.1, which is not a public address.',
  );
  expect(apis.api.arrived).toHaveLength(1);
  const lost: Resolve = () => Promise.reject(new Error('no such name'));
  expect(await apis.asking(apis.declared({ url, arguments: [], retries: 0 }, 'c'), lost).ask('/api c')).toBe(
    'c: not done, api.invalid cannot be resolved (no such name).',
  );
});

test.each([
  ['names one', 'connection: upgrade\r\nupgrade: x\r\n'],
  ['names none', ''],
])(
  'a switch to another protocol that nobody asked for ends the call and not the service, where it %s',
  async (_what, headers) => {
    apis.api.on('/a', (_answer, socket) => void socket.end(`HTTP/1.1 101 Switching Protocols\r\n${headers}\r\nnoise`));
    const asking = apis.asking(apis.declared(POST));
    expect(await asking.ask('/api a x')).toMatch(/^a: it is not known whether this was done, /);
    expect(await asking.ask('/ping')).toMatch(/^pong/);
  },
);
