import { Admin } from '@platformatic/kafka';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RefusingBroker } from '../refusing-broker.testing.ts';
import { accessOptions } from './client.ts';
import { type ConnectionClass, patchConnectionErrors } from './connection-errors.ts';

const sasl = { mechanism: 'plain', username: 'u', password: 'p' } as const;

const brokers: RefusingBroker[] = [];
let uncaught: unknown[];
const catchOne = (error: unknown): void => {
  uncaught.push(error);
};

beforeEach(() => {
  uncaught = [];
  process.on('uncaughtException', catchOne);
});

afterEach(async () => {
  process.off('uncaughtException', catchOne);
  await Promise.all(brokers.splice(0).map((one) => one.close()));
});

test.for([
  ['refused', 0],
  ['not renewed while a question is open', 1],
] as const)(
  'row 43 · who asks is told of a login that is %s, and nobody of the reset behind it',
  async ([, logins]) => {
    const broker = new RefusingBroker(logins);
    brokers.push(broker);
    const admin = new Admin({
      ...accessOptions({ brokers: [await broker.listen()], clientId: 'test', sasl }),
      retries: 0,
    });
    const closed = new Promise((resolve) => admin.once('client:broker:disconnect', resolve));
    await expect(admin.metadata({ topics: [] })).rejects.toMatchObject({ code: expect.stringMatching(/^PLT_KFK_/) });
    await closed;
    expect([broker.resets, uncaught]).toEqual([1, []]);
    await admin.close();
  },
);

test('the patch refuses a text that nobody has reviewed, and may be applied again', () => {
  const changed = { prototype: {} } as unknown as ConnectionClass;
  expect(() => patchConnectionErrors(changed)).toThrow('is not the text that this patch was reviewed for');
  expect(changed.prototype).toEqual({});
  patchConnectionErrors();
});
