import { pino } from 'pino';
import { expect, test } from 'vitest';
import { Appending, NotSent } from './appending.ts';
import { unanswered } from './refusals.ts';

const RECORD = { key: null, value: Buffer.from('v'), headers: {}, timestampMs: 1 };

test.for([
  ['stays, where nothing was sent: its other partitions go on with it', new NotSent('a-0', new Error('no leader')), 1],
  ['is another one after anything else that is unknown', new Error('no answer'), 2],
] as const)('a producer %s', async ([, failure, producers]) => {
  let connected = 0;
  const appender = new Appending({
    client: 'test',
    logger: pino({ level: 'silent' }),
    connect: () => {
      connected += 1;
      const send = ({ partition }: { partition: number }) =>
        partition === 0 ? Promise.reject(failure) : Promise.resolve(5n);
      return Promise.resolve({ send, disconnect: () => Promise.resolve() });
    },
    failed: (error, to) => unanswered(undefined, to, error),
  });
  expect(await appender.append({ topic: 'a', partition: 0 }, [RECORD])).toMatchObject({ outcome: 'unknown' });
  expect(await appender.append({ topic: 'a', partition: 1 }, [RECORD])).toMatchObject({ outcome: 'acked' });
  expect(connected).toBe(producers);
  await appender.stop();
});
