// A login that the cluster takes away from a running appender and gives back: nothing is refused and nothing is dropped, the
// records wait, and whoever looks at the service's health reads why.
import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { Admin, alterUserScramCredentialsV0 } from '@platformatic/kafka';
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest';
import { ensureTopics } from '../../kafka/bootstrap.ts';
import { openAppender } from '../../kafka/connect.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { createLogger } from '../../service/logger.ts';
import { type SecureBroker, startSecureBroker } from '../support/secure-broker.ts';

const SCRAM_SHA_512 = { mechanism: 2, iterations: 4_096 };
const PASSWORD = 'for a while';
const TO = { topic: TOPIC.incoming, partition: 0 };
const RECORD = { key: 'k', value: Buffer.from('v'), headers: {}, timestampMs: 1 };

let broker: SecureBroker;
let admin: Admin;

beforeAll(async () => {
  broker = await startSecureBroker(inject('artifacts'));
  admin = new Admin({ clientId: 'test', bootstrapBrokers: [broker.plaintext] });
  await ensureTopics({ brokers: [broker.plaintext] });
});

afterAll(async () => {
  await admin?.close();
  await broker?.stop();
});

type Alter = Parameters<typeof alterUserScramCredentialsV0.api.async>;

async function alterUsers(gone: Alter[1], come: Alter[2]): Promise<void> {
  const [connection] = [...(await admin.connectToBrokers()).values()];
  if (connection === undefined) throw new Error('no broker');
  await alterUserScramCredentialsV0.api.async(connection, gone, come);
}

async function give(name: string): Promise<void> {
  const { mechanism, iterations } = SCRAM_SHA_512;
  const salt = randomBytes(16);
  const saltedPassword = pbkdf2Sync(PASSWORD, salt, iterations, 64, 'sha512');
  await alterUsers([], [{ name, mechanism, iterations, salt, saltedPassword }]);
}

test.for(['kafkajs', 'platformatic'] as const)('%s', async (client) => {
  const name = `guest-${client}`;
  await give(name);
  const problems: (string | undefined)[] = [];
  const appender = openAppender(
    {
      config: {
        brokers: [broker.login],
        saslMechanism: 'scram-sha-512',
        saslUsername: name,
        saslPassword: PASSWORD,
        appenderClient: client,
      },
      clientId: 'test',
      logger: createLogger('test', 'silent'),
    },
    { onConnection: (problem) => problems.push(problem?.code) },
  );
  try {
    // A user that was just made may not be known to the broker yet.
    await vi.waitFor(
      async () => expect(await appender.append(TO, [RECORD])).toMatchObject({ outcome: 'acked' }),
      20_000,
    );
    problems.length = 0;
    await alterUsers([{ name, mechanism: SCRAM_SHA_512.mechanism }], []);
    await vi.waitFor(() => {
      appender.recycle();
      expect(problems).toContain('PMC_KAFKA_AUTHENTICATION');
    }, 20_000);
    const waiting = appender.append(TO, [RECORD]);
    expect(appender.inFlight).toBe(1);
    await give(name);
    expect(await waiting).toMatchObject({ outcome: 'acked' });
    expect(problems.at(-1)).toBeUndefined();
  } finally {
    await appender.stop();
  }
});
