// docs/protocol.md: its examples are frames as the schemas, the gateway and the client read them, every kind of frame has one, and its
// conversation is what the client says.
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { ClientState } from '../producers/client/client-state.ts';
import { readGatewayFrame as readAsClient } from '../producers/client/gateway-frames.ts';
import { CLOSE, PROTOCOL_ERROR } from '../schemas/protocol/codes.ts';
import { readGatewayFrame, readPeerFrame } from '../schemas/protocol/frames.ts';
import { jsonSchemas } from '../schemas/protocol/json-schemas.ts';
import { protocolPage } from '../scripts/docs/protocol-page.ts';
import { tokenOf } from '../service/token-format.ts';
import { readProjectFile } from './support/project-files.ts';

const PAGE = readProjectFile('docs/protocol.md');
const EXAMPLES = [...PAGE.matchAll(/```json (\w+)\n([\s\S]*?)```/g)].map(([, side = '', text = '']) => ({
  side,
  frame: JSON.parse(text) as Readonly<Record<string, unknown>>,
}));

const ajv = new Ajv2020({ strict: true });
const validators = new Map([...jsonSchemas()].map(([name, schema]) => [name, ajv.compile(schema)]));
const nameOf = ({ side, frame }: (typeof EXAMPLES)[number]): string =>
  `${side}-${String(side === 'event' ? frame['event'] : frame['op'])}`;

describe('an example', () => {
  test.for(EXAMPLES.map((example, index) => [index, nameOf(example), example] as const))(
    '%i is a valid %s',
    ([, name, { side, frame }]) => {
      const validate = validators.get(name);
      expect(validate?.(frame), `${name}: ${JSON.stringify(validate?.errors)}`).toBe(true);
      if (side === 'peer') expect(readPeerFrame(frame)).toMatchObject({ ok: true });
      if (side !== 'gateway') return;
      expect(readGatewayFrame(frame)).toMatchObject({ ok: true });
      expect(readAsClient(JSON.stringify(frame))).toMatchObject({ ok: true });
    },
  );

  test('is there for every frame but those that only answer', () => {
    const shown = new Set(EXAMPLES.map(nameOf));
    const control = [...validators.keys()].filter((name) => !name.startsWith('event-'));
    expect(control.filter((name) => !shown.has(name))).toEqual(['peer-pong', 'gateway-ping']);
  });

  test('shows tokens as they are made', () => {
    const [prefix = ''] = /^[a-z]+_/.exec(tokenOf(new Uint8Array(32))) ?? [];
    const shown = EXAMPLES.flatMap(({ frame: { token } }) => (token === undefined ? [] : [token]));
    expect(shown.length).toBeGreaterThan(2);
    expect(new Set(shown)).toEqual(new Set([`${prefix}…`]));
  });

  test('has no fence that is not looked at', () => {
    expect([...PAGE.matchAll(/```json/g)]).toHaveLength(EXAMPLES.length);
    expect(EXAMPLES.length).toBeGreaterThan(20);
  });
});

describe('the codes', () => {
  test('that the text names are those of the tables', () => {
    const codes = new Set<number>([...Object.values(PROTOCOL_ERROR), ...Object.values(CLOSE)].map(({ code }) => code));
    const named = [...PAGE.matchAll(/\b(1[01]\d|4[0-9]{3})\b(?!["\d,.]| at once| milli)/g)].map(([, code]) =>
      Number(code),
    );
    const standing = named.filter((code) => !codes.has(code) && ![4_000, 4_499, 4_500, 4_999].includes(code));
    expect(standing.filter((code) => code < 200 || code >= 4_000)).toEqual([]);
  });

  test('fill their marks, and a page without its marks is refused', () => {
    expect(protocolPage(PAGE)).toBe(PAGE);
    for (const { code } of [...Object.values(PROTOCOL_ERROR), ...Object.values(CLOSE)])
      expect(PAGE).toContain(`| ${code} |`);
    expect(() => protocolPage(PAGE.replace('<!-- generated: closes -->', ''))).toThrow(/marks/);
  });
});

test('the conversation is what the client says and hears', () => {
  const begin = PAGE.indexOf('## A conversation');
  const spoken = EXAMPLES.slice([...PAGE.slice(0, begin).matchAll(/```json \w+\n/g)].length);
  const [hello] = spoken;
  const counter = { stream: String(hello?.frame['stream']), epoch: String(hello?.frame['epoch']), last: 0 };
  const kept = { counter: undefined, events: [], position: undefined, dispatches: [], seen: [] };
  const client = new ClientState({ kept, counter, newEpoch: () => 'another', random: () => 0 });
  const said: unknown[] = [];
  let nowMs = 0;
  const act = (): void => {
    for (let batch = client.takeBatch(); batch !== undefined; batch = client.takeBatch()) client.stored(batch, nowMs);
    for (const action of client.take()) {
      if (action.do === 'dial') client.opened(String(hello?.frame['token']), nowMs);
      else if (action.do === 'hand') client.handled(nowMs);
      else if (action.do === 'say') {
        const frame = JSON.parse(action.text) as { op?: string };
        if (frame.op !== 'ping') said.push(frame);
      } else continue;
      act();
    }
  };
  const offer = (example: (typeof EXAMPLES)[number] | undefined): void => {
    const { stream: _, epoch: __, seq: ___, ...event } = example?.frame ?? {};
    expect(client.offer(event, { id: '', timestamp: '' }, nowMs)).toMatchObject({ ok: true });
    act();
  };
  const events = spoken.filter(({ side }) => side === 'event');
  client.start(nowMs);
  act();
  for (const [index, { side, frame }] of spoken.entries()) {
    if (side === 'gateway') {
      client.received(JSON.stringify(frame), nowMs);
      act();
      continue;
    }
    if (index > 0 && frame['op'] === 'hello') {
      client.closed({ code: 1_006, reason: '' }, nowMs);
      offer(events[2]);
      nowMs = client.dueMs;
      client.tick(nowMs);
      act();
    } else if (side === 'event' && frame !== events[2]?.frame) offer(spoken[index]);
    expect(said.shift()).toEqual(frame);
  }
  expect([said, client.status]).toMatchObject([[], { last: 3, acked: 3, kept: 0 }]);
});
