// Every fault is made to strike an ordinary message, with its own defaults, and does to it what it says.
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../../service/random.ts';
import { type Delivery, type Draft, type Effect, ordinary } from '../delivery.ts';
import { FAULTS } from './table.ts';

const MESSAGE = {
  ...{ event: 'message', id: 'msg_1', timestamp: '2026-01-31T12:00:00.000Z', sender: 'a', chat: 'chat_1' },
  ...{ message_type: 'text', content: 'hello', metadata: { simulated: true } },
};
const draft = (id: string): Draft => {
  return { data: JSON.stringify({ ...MESSAGE, id }), binary: false, event: 'message', id, chat: 'chat_1' };
};
const more = (count: number) => Array.from({ length: count }, (_, index) => draft(`more_${index}`));

function strike(name: string, options: object = {}, seed = 1): Effect {
  const fault = FAULTS.get(name);
  if (fault === undefined) throw new Error(`no fault ${name}`);
  const random = seededRandom(seed, 0);
  return fault.prepare(options)({ delivery: ordinary(draft('msg_1')), random, more });
}

const only = (name: string, options: object = {}, seed = 1): Delivery => {
  const { deliveries, actions } = strike(name, options, seed);
  expect([deliveries.length, actions.length]).toEqual([1, 0]);
  return deliveries[0] as Delivery;
};
const members = ({ data }: Delivery) => JSON.parse(data.toString()) as Record<string, unknown>;

test('every fault says what it does and what must follow, takes its defaults, and no unknown option', () => {
  expect(FAULTS.size).toBe(37);
  for (const [name, fault] of FAULTS) {
    expect(name).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect([fault.does, fault.expects].every((text) => text.length > 10)).toBe(true);
    expect(() => fault.prepare(undefined)).not.toThrow();
    expect(() => fault.prepare({ nonsense: 1 })).toThrow(expect.objectContaining({ code: 'PMC_CHAOS_FAULT_INVALID' }));
  }
});

test('the same randomness gives the same effect', () => {
  for (const name of FAULTS.keys()) expect(strike(name)).toEqual(strike(name));
});

describe('frames that are kept back, come again or come late', () => {
  test('drop: with its number, to be asked for again or not', () => {
    expect(only('drop')).toMatchObject({ isSent: false, isRetained: true, numbering: 'own' });
    expect(only('drop', { recoverable: false })).toMatchObject({ isSent: false, isRetained: false });
  });

  test('duplicate, dup_new_seq, id_conflict: what must become of the second one', () => {
    const shape = (name: string, options = {}) =>
      strike(name, options).deliveries.map(({ id, numbering, expect: expected, isRetained }) => {
        return [id, numbering, expected, isRetained];
      });
    const own = ['msg_1', 'own', 'stored', true];
    expect(shape('duplicate', { times: 3 })).toEqual([
      own,
      ['msg_1', 'own', 'duplicate', false],
      ['msg_1', 'own', 'duplicate', false],
    ]);
    expect(shape('dup_new_seq')).toEqual([own, ['msg_1', 'new', 'duplicate', true]]);
    expect(shape('id_conflict')).toEqual([own, ['msg_1', 'own', 'conflict', false]]);
    const bodies = strike('id_conflict').deliveries.map(({ data }) => data);
    expect(bodies[0]).not.toBe(bodies[1]);
    expect(new Set(strike('duplicate').deliveries.map(({ data }) => data)).size).toBe(1);
  });

  test('reorder, delay, jitter: within their limits', () => {
    for (let seed = 0; seed < 50; seed++) {
      const { release } = only('reorder', { window: 3 }, seed);
      expect('behindFrames' in release && release.behindFrames >= 1 && release.behindFrames <= 3).toBe(true);
      const jitter = only('jitter', { upToMs: 20 }, seed).release;
      expect('afterMs' in jitter && jitter.afterMs >= 0 && jitter.afterMs <= 20).toBe(true);
    }
    expect(only('delay', { byMs: 7 }).release).toEqual({ afterMs: 7 });
  });
});

describe('frames with another content', () => {
  test('malformed: before the event goes a frame that is none, of every kind', () => {
    for (const kind of ['truncated', 'bad-utf8', 'nan', 'binary', 'empty']) {
      const [broken, event] = strike('malformed', { kind }).deliveries;
      expect([kind, broken?.expect, broken?.numbering]).toEqual([kind, 'rejected', 'none']);
      expect(event).toEqual(ordinary(draft('msg_1')));
      if (kind === 'binary') expect(broken?.binary).toBe(true);
      else
        expect(() =>
          JSON.parse(new TextDecoder('utf8', { fatal: true }).decode(Buffer.from(broken?.data ?? ''))),
        ).toThrow();
    }
    expect(strike('malformed', { kind: 'wrong-types' }).deliveries[0]?.expect).toBe('stored');
    expect(() => strike('malformed', { kind: 'odd' })).toThrow('kind');
  });

  test('oversize and deep are refused, many_fields is not', () => {
    expect(only('oversize', { bytes: 70_000 }).data.length).toBeGreaterThan(70_000);
    expect(only('deep', { levels: 20 }).data).toContain(`${'['.repeat(20)}${']'.repeat(20)}`);
    expect(['oversize', 'deep', 'many_fields'].map((name) => only(name).expect)).toEqual([
      'rejected',
      'rejected',
      'stored',
    ]);
    expect(Object.keys(members(only('many_fields', { fields: 30 })))).toHaveLength(30 + Object.keys(MESSAGE).length);
    expect(only('many_fields', { fields: 5_000 }).data.length).toBeLessThan(65_536);
  });

  test('unknown_event, missing_id, missing_chat: one member differs, and the ledger knows it', () => {
    expect(only('unknown_event')).toMatchObject({ event: 'teleport', id: 'msg_1' });
    expect(only('missing_id').id).toBeUndefined();
    expect(members(only('missing_id'))).not.toHaveProperty('id');
    expect(only('missing_chat').chat).toBeUndefined();
    expect(members(only('missing_chat'))).toMatchObject({ id: 'msg_1' });
  });

  test('clock_skew, clock_jump, bad_ts: only the time differs', () => {
    expect(members(only('clock_skew', { hours: 2 }))).toEqual({ ...MESSAGE, timestamp: '2026-01-31T14:00:00.000Z' });
    const { timestamp } = members(only('clock_jump', { hours: 1 }));
    expect(Date.parse(String(timestamp))).toBeGreaterThanOrEqual(Date.parse('2026-01-31T11:00:00Z'));
    expect(Date.parse(String(timestamp))).toBeLessThan(Date.parse(MESSAGE.timestamp));
    const times = new Set(
      Array.from({ length: 200 }, (_, seed) => JSON.stringify(members(only('bad_ts', {}, seed))['timestamp'])),
    );
    expect(times.size).toBe(10);
  });
});

describe('more frames', () => {
  test('burst at once, flood_n at a rate, ramp ever faster: each with a number of its own', () => {
    const after = (name: string, options: object) =>
      strike(name, options)
        .deliveries.slice(1)
        .map(({ release, numbering, expect: expected }) => {
          expect([numbering, expected]).toEqual(['new', 'stored']);
          return 'afterMs' in release ? release.afterMs : -1;
        });
    expect(after('burst', { frames: 3 })).toEqual([0, 0, 0]);
    expect(after('flood_n', { frames: 4, perSecond: 2 })).toEqual([500, 1_000, 1_500, 2_000]);
    expect(after('ramp', { frames: 4, overMs: 100 })).toEqual([50, 71, 87, 100]);
    expect(() => strike('burst', { frames: 10_001 })).toThrow('frames');
  });

  test('early sends messages, late_ref a reference before its message', () => {
    expect(strike('early', { frames: 3 }).deliveries).toHaveLength(3);
    const [read, message] = strike('late_ref').deliveries;
    expect(members(read as Delivery)).toMatchObject({ event: 'read', message_id: 'msg_1', chat: 'chat_1' });
    expect(message).toMatchObject({ id: 'msg_1', event: 'message' });
  });
});

test.for<[string, object, object[]]>([
  ['drop_tail', { frames: 2 }, [{ do: 'drop-tail', frames: 2 }]],
  ['stall', { forMs: 9 }, [{ do: 'hold', forMs: 9 }]],
  ['half_open', { forMs: 9 }, [{ do: 'go-dark', forMs: 9 }]],
  ['slow_reader', { forMs: 9 }, [{ do: 'stop-reading', forMs: 9 }]],
  ['slow_writer', { forMs: 9, bytesPerSecond: 10 }, [{ do: 'trickle', bytesPerSecond: 10, forMs: 9 }]],
  ['abrupt_close', {}, [{ do: 'reset' }]],
  ['close_code', { code: 4_001 }, [{ do: 'close', code: 4_001 }]],
  ['refuse', { forMs: 9 }, [{ do: 'refuse', forMs: 9 }, { do: 'reset' }]],
  ['flap', { code: 4_002 }, [{ do: 'close', code: 4_002 }]],
  ['close_before_ack', {}, [{ do: 'reset-at-ack' }]],
  ['ack_loss', { acks: 2 }, [{ do: 'lose-acks', acks: 2 }]],
  ['nack', { acks: 2 }, [{ do: 'doubt-acks', acks: 2 }]],
  ['epoch_reset', {}, [{ do: 'new-epoch' }]],
  ['seq_regress', { by: 2 }, [{ do: 'step-back', by: 2 }]],
])('%s lets the event go and touches the connection or the counter', ([name, options, actions]) => {
  expect(strike(name, options)).toEqual({ deliveries: [ordinary(draft('msg_1'))], actions });
});

test('ack_lie forgets what it sends; a code that no peer may send is refused', () => {
  expect(only('ack_lie')).toMatchObject({ isSent: true, isRetained: false });
  for (const code of [1_004, 1_005, 1_006, 1_015, 2_000, 5_000]) expect(() => strike('close_code', { code })).toThrow();
});
