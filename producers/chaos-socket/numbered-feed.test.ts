// What a source that counts makes of events while nobody is there to take them.
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { systemClock } from '../../service/clock.ts';
import { createLogger } from '../../service/logger.ts';
import { type LinkAction, ordinary } from './delivery.ts';
import { chaosMetrics } from './metrics.ts';
import { NumberedFeed } from './numbered-feed.ts';

const TEXT = '{"event":"message","id":"m","chat":"c","content":"x"}';
const DRAFT = { data: TEXT, binary: false, event: 'message', id: 'm', chat: 'c' };

function alone() {
  const metrics = chaosMetrics(new Registry());
  let epochs = 0;
  const feed = new NumberedFeed({
    ...{ source: '/', stream: 1, streamName: 's', newEpoch: () => `e${++epochs}`, metrics },
    ...{ ledger: { note: () => undefined }, clock: systemClock, logger: createLogger('test', 'silent') },
    refuse: () => undefined,
  });
  const offer = (actions: readonly LinkAction[] = [], isSent = true): void => {
    const deliveries = [{ ...ordinary(DRAFT), isSent }];
    feed.offer({ deliveries, actions, firing: undefined }, { origin: 'plan', dueAtMs: 0 });
  };
  return { metrics, offer };
}

test('events that an epoch takes with it before anybody was sent them are not sent, once, and withheld ones withheld', () => {
  const { metrics, offer } = alone();
  offer();
  offer([], false);
  offer([{ do: 'new-epoch' }]);
  offer([{ do: 'new-epoch' }]);
  expect(metrics.totals).toMatchObject({ eventsOffered: 3, eventsSent: 0, eventsNotSent: 3, framesWithheld: 1 });
  expect(metrics.totals.notSent.forgotten).toBe(3);
});

test('an event whose number a counter that stepped back gives to another was not sent either', () => {
  const { metrics, offer } = alone();
  offer();
  offer([{ do: 'step-back', by: 1 }]);
  offer();
  expect(metrics.totals.notSent.forgotten).toBe(1);
});
