import { pino } from 'pino';
import { Registry } from 'prom-client';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { Codec } from '../../kafka/codec.ts';
import type { Batch, LogRecord } from '../../kafka/log.ts';
import type { Dispatch } from '../../schemas/generated.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { PmcError } from '../../service/errors.ts';
import { Delivery, replyFrame } from './delivery.ts';
import { communicatorMetrics } from './metrics.ts';
import type { SourceLink } from './source-link.ts';

vi.mock('@kafkajs/confluent-schema-registry', async (original) => {
  const { RegistryInMemory: SchemaRegistry } = await import('../../kafka/registry-in-memory.testing.ts');
  return { ...(await original<object>()), SchemaRegistry };
});

const SOURCE = 'chat.example';

/** A link that takes frames, or fails the first so many; `open` lets those through that wait for it. */
class ScriptedLink {
  readonly sent: string[] = [];
  failures = 0;
  isOpen = true;
  open: (() => void) | undefined;

  async opened(signal: AbortSignal): Promise<void> {
    if (this.isOpen || signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.open = resolve;
      signal.addEventListener('abort', () => resolve());
    });
  }

  send(text: string): Promise<boolean> {
    if (this.failures > 0) {
      this.failures -= 1;
      return Promise.resolve(false);
    }
    this.sent.push(text);
    return Promise.resolve(true);
  }
}

function dispatch(replyId: string, changes: Partial<Dispatch> = {}): Dispatch {
  return {
    replyId,
    source: SOURCE,
    connection: null,
    chat: 'c1',
    inReplyTo: 'm1',
    eventKey: '01a20501-fe29-7bf2-8638-22da07e20928',
    command: 'help',
    content: 'There is help.',
    createdAt: 1_700_000_000_000,
    ...changes,
  };
}

let codec: Codec;
let link: ScriptedLink;
let delivery: Delivery;
let registry: Registry;

beforeEach(async () => {
  codec = new Codec('http://registry');
  await codec.prepare([TOPIC.outgoing]);
  link = new ScriptedLink();
  registry = new Registry();
  delivery = new Delivery({
    codec,
    links: new Map([[SOURCE, link as unknown as SourceLink]]),
    logger: pino({ level: 'silent' }),
    metrics: communicatorMetrics(registry),
  });
});

function batchOf(values: readonly (Dispatch | Buffer)[], signal = new AbortController().signal): Batch {
  const at = { topic: TOPIC.outgoing, partition: 0 };
  const records = values.map((value, index): LogRecord => {
    const bytes = Buffer.isBuffer(value) ? value : codec.encode(TOPIC.outgoing, value);
    return { ...at, offset: BigInt(index), timestampMs: 0, key: null, value: bytes, headers: {} };
  });
  return { ...at, incarnation: 'i', generation: 1, records, highWatermark: 9n, signal };
}

function idsSent(): readonly unknown[] {
  return link.sent.map((frame) => (JSON.parse(frame) as { id: unknown }).id);
}

async function countOf(outcome: string): Promise<number> {
  const metrics = await registry.getSingleMetric('pmc_deliveries_total')?.get();
  return metrics?.values.find(({ labels }) => labels['outcome'] === outcome)?.value ?? 0;
}

describe('a reply as a frame', () => {
  test('is a message from us, marked so that nobody takes it for a command', () => {
    expect(JSON.parse(replyFrame(dispatch('r1')))).toEqual({
      event: 'message',
      id: 'r1',
      timestamp: '2023-11-14T22:13:20.000Z',
      sender: 'pmc',
      chat: 'c1',
      message_type: 'text',
      content: 'There is help.',
      metadata: { pmc: true, command: 'help', in_reply_to: 'm1' },
    });
  });

  test('has no time when its time is none', () => {
    expect(JSON.parse(replyFrame(dispatch('r1', { createdAt: 9e15 })))).toMatchObject({ id: 'r1', timestamp: null });
  });
});

describe('the delivery', () => {
  test('sends replies in order and returns when the socket has taken all', async () => {
    await delivery.handleBatch(batchOf([dispatch('r1'), dispatch('r2'), dispatch('r3')]));
    expect(idsSent()).toEqual(['r1', 'r2', 'r3']);
    expect([delivery.deliveredTotal, await countOf('delivered')]).toEqual([3, 3]);
  });

  test('sends a reply id once, whatever the log repeats, and counts the repeats', async () => {
    await delivery.handleBatch(batchOf([dispatch('r1'), dispatch('r1'), dispatch('r2')]));
    await delivery.handleBatch(batchOf([dispatch('r1'), dispatch('r2')]));
    expect(idsSent()).toEqual(['r1', 'r2']);
    expect(await countOf('duplicate')).toBe(3);
  });

  test('tries again until the socket takes the frame', async () => {
    link.failures = 3;
    await delivery.handleBatch(batchOf([dispatch('r1')]));
    expect(idsSent()).toEqual(['r1']);
    expect(delivery.deliveredTotal).toBe(1);
  });

  test('waits for its source', async () => {
    link.isOpen = false;
    const handled = delivery.handleBatch(batchOf([dispatch('r1')]));
    const open = await vi.waitUntil(() => link.open);
    expect(link.sent).toEqual([]);
    link.isOpen = true;
    open();
    await handled;
    expect(idsSent()).toEqual(['r1']);
  });

  test('throws when the assignment is lost while it waits, so that nothing is committed', async () => {
    link.isOpen = false;
    const assignment = new AbortController();
    const handled = delivery.handleBatch(batchOf([dispatch('r1')], assignment.signal));
    await vi.waitUntil(() => link.open);
    assignment.abort();
    await expect(handled).rejects.toThrow(/assignment was lost/);
    expect([link.sent, delivery.deliveredTotal]).toEqual([[], 0]);
  });

  test('throws when the assignment is lost between two replies', async () => {
    const assignment = new AbortController();
    const send = link.send.bind(link);
    link.send = (text) => {
      assignment.abort();
      return send(text);
    };
    const handled = delivery.handleBatch(batchOf([dispatch('r1'), dispatch('r2')], assignment.signal));
    await expect(handled).rejects.toThrow(/assignment was lost/);
    expect(idsSent()).toEqual(['r1']);
  });

  test('is not held up by what cannot be read or has no source here, and counts both', async () => {
    const records = [Buffer.from('?'), dispatch('r1', { source: 'gone.example' }), dispatch('r2')];
    await delivery.handleBatch(batchOf(records));
    expect(idsSent()).toEqual(['r2']);
    expect([await countOf('undecodable'), await countOf('unknown-source')]).toEqual([1, 1]);
  });

  test('waits while the registry gives the schema id to another schema: the reply is not passed over', async () => {
    const reply = dispatch('r1');
    const error = new PmcError('PMC_SCHEMA_ID_REUSED', 'schema id 1 had another schema before', { id: 1 });
    const disputed = vi.spyOn(codec, 'decode').mockResolvedValueOnce({ ok: false, error });
    await expect(delivery.handleBatch(batchOf([reply]))).rejects.toBe(error);
    expect([idsSent(), await countOf('undecodable')]).toEqual([[], 0]);
    disputed.mockRestore();
    await delivery.handleBatch(batchOf([reply]));
    expect(idsSent()).toEqual(['r1']);
  });

  test('remembers a bounded number of replies, the newest', async () => {
    const many = Array.from({ length: 10_001 }, (_, index) => dispatch(`r${index}`));
    await delivery.handleBatch(batchOf(many));
    await delivery.handleBatch(batchOf([dispatch('r1'), dispatch('r10000'), dispatch('r0')]));
    expect(idsSent().slice(-1)).toEqual(['r0']);
    expect(delivery.deliveredTotal).toBe(10_002);
  });
});
