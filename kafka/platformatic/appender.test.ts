// What is known of a topic before something is appended to it, with a producer that is scripted.
import { pino } from 'pino';
import { afterEach, expect, test, vi } from 'vitest';
import { platformaticAppender } from './appender.ts';

const TO = { topic: 't', partition: 0 };
const RECORD = { key: 'k', value: Buffer.from('v'), headers: {}, timestampMs: 1 };
const HOUR_MS = 3_600_000;

let asked = 0;
vi.mock('./batch-producer.ts', () => ({
  BatchProducer: class {
    currentMetadata: unknown;
    initIdempotentProducer = () => Promise.resolve();
    append = () => Promise.resolve(0n);
    close = () => Promise.resolve();
    async metadata(): Promise<void> {
      asked += 1;
      this.currentMetadata = { topics: new Map([['t', { lastUpdate: Date.now(), partitions: [{ leader: 1 }] }]]) };
    }
  },
}));

afterEach(() => {
  vi.useRealTimers();
});

test('a topic is asked for again when what is known of it is old, or of a time to come as the clock was set back', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const appender = platformaticAppender({ brokers: [], clientId: 'c', logger: pino({ level: 'silent' }) });
  const askedFor = async (): Promise<number> => {
    const before = asked;
    expect(await appender.append(TO, [RECORD])).toMatchObject({ outcome: 'acked' });
    return asked - before;
  };
  expect([await askedFor(), await askedFor()]).toEqual([1, 0]);
  vi.setSystemTime(Date.now() + 30_000);
  expect([await askedFor(), await askedFor()]).toEqual([1, 0]);
  vi.setSystemTime(Date.now() - HOUR_MS);
  expect([await askedFor(), await askedFor()]).toEqual([1, 0]);
  await appender.stop();
});
