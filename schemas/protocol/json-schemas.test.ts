// The JSON Schemas as somebody else's validator reads them: every one compiles, takes what was really sent, refuses what is
// wrong, and is on disk as the frames give it.
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readGatewayFrame, readPeerFrame } from './frames.ts';
import { schemaFilesNow, schemaFilesThere } from './generate.ts';
import { jsonSchemas } from './json-schemas.ts';

const ajv = new Ajv2020({ strict: true, allErrors: true });
const validators = new Map([...jsonSchemas()].map(([name, schema]) => [name, ajv.compile(schema)]));

const at = { timestamp: '2026-11-26T07:00:00.000Z' };
const event = (fields: object) => ({ id: 'msg-1', ...at, metadata: {}, ...fields });
const about = { chat: 'chat-1', message_id: 'msg-0' };
const welcome = {
  op: 'welcome',
  session: '01K',
  server_time: at.timestamp,
  gateway_epoch: '01K',
  last: null,
  in: { recovered: true, log_epoch: 'a:b', pos: {} },
  limits: { frame: 1, content: 1, rate: null, burst: null, window: 1, credit: 1 },
  ping_ms: 1,
  pong_ms: 1,
};

/** For each schema a frame that is right, and what makes it wrong. */
const FRAMES: Readonly<Record<string, readonly [right: Readonly<Record<string, unknown>>, ...wrong: object[]]>> = {
  'peer-hello': [{ op: 'hello', v: 1, stream: 's', epoch: 'e' }, { epoch: '' }, { resume: { in: { pos: {} } } }],
  'peer-unavailable': [{ op: 'unavailable', epoch: 'e', from: 1, to: 2 }, { from: 0 }, { to: 'x' }],
  'peer-ack': [{ op: 'ack', ids: ['r'] }, { ids: [] }, { ids: [1] }],
  'peer-credit': [{ op: 'credit', n: 1 }, { n: 0 }, { n: 1.5 }],
  'peer-ping': [{ op: 'ping' }, { op: 'pong' }, { t: 'x'.repeat(129) }, { t: {} }],
  'peer-pong': [{ op: 'pong', t: 1 }, { op: 'ping' }, { t: [] }],
  'gateway-welcome': [welcome, { last: 5 }, { in: { recovered: true } }, { limits: {} }],
  'gateway-ack': [
    { op: 'ack', epoch: 'e', upto: 1, at: [[1, 't', 0, 0]], ts: 1 },
    { at: [[1, 't', 0]] },
    { at: [[1, 't', 0, 0, 0]] },
    { upto: -1 },
    { dup: true },
  ],
  'gateway-nack': [{ op: 'nack', seq: 1, code: 105, reason: 'r' }, { code: '105' }, { seq: -1 }],
  'gateway-resend': [{ op: 'resend', epoch: 'e', from: 1, to: 2 }, { from: 0 }],
  'gateway-deliver': [
    { op: 'deliver', log_epoch: 'l', pos: { 't/0': 1 }, event: {} },
    { pos: { 't/0': '1' } },
    { event: [] },
  ],
  'gateway-error': [{ op: 'error', code: 100, temporary: true, reason: 'r' }, { temporary: 'yes' }],
  'gateway-drain': [{ op: 'drain', reconnect_ms: 1 }, { reconnect_ms: null }],
  'gateway-ping': [{ op: 'ping' }, { op: 1 }],
  'gateway-pong': [{ op: 'pong' }, { op: 1 }],
  'event-message': [
    event({ event: 'message', sender: 'a', chat: 'c', message_type: 'text', content: '' }),
    { id: 'with space' },
    { message_type: 'smell' },
    { seq: 0 },
    { content: null },
  ],
  'event-typing': [event({ event: 'typing', sender: 'a', chat: 'c', status: 'composing' }), { status: 'asleep' }],
  'event-read': [event({ event: 'read', reader: 'a', ...about }), { message_id: '' }],
  'event-delivered': [event({ event: 'delivered', recipient: 'a', ...about }), { recipient: 1 }],
  'event-presence': [event({ event: 'presence', user: 'a', status: 'online' }), { status: 'composing' }],
  'event-reaction': [event({ event: 'reaction', user: 'a', reaction: '+', ...about }), { reaction: 1 }],
  'event-edit': [event({ event: 'edit', editor: 'a', new_content: 'n', ...about }), { new_content: undefined }],
  'event-delete': [
    event({ event: 'delete', deleted_by: 'a', delete_for_everyone: true, ...about }),
    { delete_for_everyone: 'all' },
  ],
  'event-connection': [{ event: 'connection', status: 'connected', ...at }, { available_events: 'all' }],
};

const isValid = (name: string, frame: unknown): boolean => validators.get(name)?.(frame) === true;

describe('a JSON Schema', () => {
  test('is there for every frame and every event, as the frames give it', () => {
    expect(Object.keys(FRAMES).sort()).toEqual([...validators.keys()].sort());
    expect(schemaFilesThere()).toEqual(schemaFilesNow());
  });

  test.for(Object.entries(FRAMES))('%s takes what is right and refuses what is wrong', ([name, [right, ...wrong]]) => {
    expect(isValid(name, right), JSON.stringify(validators.get(name)?.errors)).toBe(true);
    for (const change of wrong)
      expect({ change, isValid: isValid(name, { ...right, ...change }) }).toEqual({ change, isValid: false });
    for (const field of required(name)) {
      const { [field]: _, ...rest } = right;
      expect({ field, isValid: isValid(name, rest) }).toEqual({ field, isValid: false });
    }
  });

  test('ignores fields that it does not know, so that there can be more of them one day', () => {
    for (const [name, [right]] of Object.entries(FRAMES)) expect(isValid(name, { ...right, tomorrow: 1 })).toBe(true);
  });

  test('of an event takes every frame of the original simulator', () => {
    const lines = readFileSync(new URL('../../test/data/chaos-socket-frames.jsonl', import.meta.url), 'utf8');
    const frames = lines
      .trim()
      .split('\n')
      .map((line) => JSON.parse((JSON.parse(line) as { frame: string }).frame) as { event: string });
    expect(frames).toHaveLength(8_452);
    expect(frames.filter((frame) => !isValid(`event-${frame.event}`, frame))).toEqual([]);
  });

  test('and the gateway agree about any frame', () => {
    const control = Object.entries(FRAMES).filter(([name]) => !name.startsWith('event-'));
    const value = fc.oneof(fc.jsonValue(), fc.constantFrom(0, 1, -1, '', 'a', null, [], {}));
    const changed = fc
      .constantFrom(...control)
      .chain(([name, [right]]) =>
        fc
          .record({ field: fc.constantFrom(...Object.keys(right)), value })
          .map((change) => ({ name, frame: { ...right, [change.field]: change.value } })),
      );
    fc.assert(
      fc.property(changed, ({ name, frame }) => {
        const read = name.startsWith('peer-') ? readPeerFrame : readGatewayFrame;
        expect({ frame, isRead: read(frame).ok }).toEqual({ frame, isRead: isValid(name, frame) });
      }),
      { numRuns: 2_000 },
    );
  });
});

function required(name: string): readonly string[] {
  return (jsonSchemas().get(name)?.['required'] ?? []) as readonly string[];
}
