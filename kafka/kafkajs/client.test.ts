// Whatever the library would choose by NODE_ENV is chosen by us.
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { createLogger } from '../../service/logger.ts';
import { kafkaClient } from './client.ts';

const require = createRequire(import.meta.url);

test('row 36 · every retry setting that differs under NODE_ENV=test is given, for every client of the object', () => {
  const defaults = require('kafkajs/src/retry/defaults.js') as Readonly<Record<string, number>>;
  const ofTests = require('kafkajs/src/retry/defaults.test.js') as Readonly<Record<string, number>>;
  const client = kafkaClient({ brokers: ['127.0.0.1:1'], clientId: 'test', logger: createLogger('test', 'silent') });
  const given = Object.getOwnPropertySymbols(client)
    .filter((symbol) => symbol.description?.includes('etry') === true)
    .map((symbol) => Reflect.get(client, symbol) as Readonly<Record<string, number>>);
  expect(given).toHaveLength(1);
  // The library passes these on beneath what a producer or a consumer is given of its own.
  const differing = Object.keys(defaults).filter((name) => defaults[name] !== ofTests[name]);
  expect(differing.length).toBeGreaterThan(0);
  for (const name of Object.keys({ ...defaults, ...ofTests })) expect(given[0], name).toHaveProperty(name);
});
