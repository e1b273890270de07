// The log behind passwords and certificates: every way in works for both clients and for all four ports, and every way that is
// closed is one error with its own code, at a pace that grows slower.
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, connect as dial, type Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { ensureTopics } from '../../kafka/bootstrap.ts';
import { type KafkaConfig, kafkaSettings } from '../../kafka/config.ts';
import { checkCluster, openAdmin, openAppender, openRangeReader, openReader } from '../../kafka/connect.ts';
import type { AppendRecord } from '../../kafka/log.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { readSettings } from '../../service/config.ts';
import { createLogger } from '../../service/logger.ts';
import { newTopicThere } from '../support/new-topic.ts';
import { PASSWORD, type SecureBroker, startSecureBroker, USERNAME } from '../support/secure-broker.ts';
import { scratchPorts } from '../support/stand-in-run.ts';

type Listener = 'plaintext' | 'login' | 'tls' | 'tlsLogin' | 'tlsOtherName';
type Variables = Readonly<Record<string, string>>;

const PMC = fileURLToPath(new URL('../../operator/cli/pmc.ts', import.meta.url));
const COMMUNICATOR = fileURLToPath(new URL('../../producers/communicator/main.ts', import.meta.url));
const CLIENTS = ['kafkajs', 'platformatic'] as const;
const MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;
const TO = { topic: TOPIC.incoming, partition: 0 };
/** Of one client, in the first seconds, when it tries most often. */
const CONNECTIONS_A_SECOND_MAX = 5;
const logger = createLogger('test', 'silent');

let broker: SecureBroker;

beforeAll(async () => {
  broker = await startSecureBroker(inject('artifacts'));
  await ensureTopics({ brokers: [broker.plaintext] });
  const admin = openAdmin({ config: { brokers: [broker.plaintext] }, clientId: 'test' });
  await newTopicThere(admin, TO.topic);
  await admin.stop();
});

afterAll(async () => {
  await broker?.stop();
});

function configOf(listener: Listener, variables: Variables, client: (typeof CLIENTS)[number] = 'kafkajs'): KafkaConfig {
  const environment = {
    PMC_KAFKA_BROKERS: broker[listener],
    PMC_REGISTRY_URL: 'http://unused',
    PMC_KAFKA_APPENDER: client,
    PMC_KAFKA_READER: client,
    ...variables,
  };
  return readSettings(environment, kafkaSettings);
}

function loginBy(mechanism: (typeof MECHANISMS)[number], password = PASSWORD): Variables {
  return {
    PMC_KAFKA_SASL_MECHANISM: mechanism,
    PMC_KAFKA_SASL_USERNAME: USERNAME,
    PMC_KAFKA_SASL_PASSWORD: password,
  };
}

function overTls(caFile = broker.caFile): Variables {
  return { PMC_KAFKA_TLS: 'on', PMC_KAFKA_TLS_CA: caFile };
}

function record(text: string): AppendRecord {
  // Retention goes by the record's own time: an old one might be gone before it is read.
  return { key: 'k', value: Buffer.from(text), headers: {}, timestampMs: Date.now() };
}

const WAYS: readonly [string, Listener, () => Variables][] = [
  ...MECHANISMS.map((one): [string, Listener, () => Variables] => [`${one}`, 'login', () => loginBy(one)]),
  ['TLS', 'tls', () => overTls()],
  ...MECHANISMS.map((one): [string, Listener, () => Variables] => [
    `${one} over TLS`,
    'tlsLogin',
    () => ({ ...loginBy(one), ...overTls() }),
  ]),
];

describe.for(CLIENTS)('%s', (client) => {
  test.for(WAYS)('appends, reads, describes and re-reads by %s', async ([, listener, variables]) => {
    const config = configOf(listener, variables(), client);
    const clients = { config, clientId: 'test', logger };
    await checkCluster(clients);
    const [appender, admin, ranges] = [openAppender(clients), openAdmin(clients), openRangeReader(clients)];
    const text = randomUUID();
    const appended = await appender.append(TO, [record(text)]);
    if (appended.outcome !== 'acked') throw appended.error;
    const seen = Promise.withResolvers<bigint>();
    const reader = await openReader(clients, {
      admin,
      groupId: `test-${text}`,
      topics: [TO.topic],
      batchRecordsMax: 100,
      handleBatch: (batch) => {
        const found = batch.records.find(({ value }) => value?.toString() === text);
        if (found !== undefined) seen.resolve(found.offset);
        return Promise.resolve();
      },
      onFatal: seen.reject,
    });
    try {
      expect(await seen.promise).toBe(appended.baseOffset);
      expect((await admin.topics([TO.topic]))[0]?.partitions.length).toBeGreaterThan(0);
      for await (const entries of ranges.read(TO, appended.baseOffset, appended.baseOffset + 1n)) {
        expect(entries).toMatchObject([{ kind: 'record', record: { value: Buffer.from(text) } }]);
      }
    } finally {
      await reader.stop();
      await Promise.all([appender.stop(), admin.stop(), ranges.stop()]);
    }
  });
});

test('the password may come from a file', async () => {
  const file = join(broker.folder, 'password');
  writeFileSync(file, `${PASSWORD}\n`);
  const login = { ...loginBy('scram-sha-512'), PMC_KAFKA_SASL_PASSWORD: '', PMC_KAFKA_SASL_PASSWORD_FILE: file };
  await checkCluster({ config: configOf('login', login), clientId: 'test' });
});

const CLOSED: readonly [string, Listener, () => Variables, string][] = [
  ...MECHANISMS.map((one): [string, Listener, () => Variables, string] => [
    `a wrong password by ${one}`,
    'login',
    () => loginBy(one, 'wrong'),
    'PMC_KAFKA_AUTHENTICATION',
  ]),
  ['a login where none is asked', 'plaintext', () => loginBy('scram-sha-256'), 'PMC_KAFKA_AUTHENTICATION'],
  ['a CA that is not trusted', 'tls', () => ({ PMC_KAFKA_TLS: 'on' }), 'PMC_KAFKA_CERTIFICATE'],
  ['a certificate for another host', 'tlsOtherName', () => overTls(), 'PMC_KAFKA_CERTIFICATE'],
  ['plaintext spoken to TLS', 'tls', () => ({}), 'PMC_KAFKA_UNREACHABLE'],
];

describe.concurrent.for(CLOSED)('%s', ([, listener, variables, code]) => {
  test(`is ${code} of the check, the admin and the range reader`, async () => {
    const clients = { config: configOf(listener, variables()), clientId: 'test', logger };
    const [admin, ranges] = [openAdmin(clients), openRangeReader(clients)];
    try {
      await Promise.all([
        expect(checkCluster(clients)).rejects.toMatchObject({ code }),
        expect(admin.topics([TO.topic])).rejects.toMatchObject({ code }),
        expect(ranges.read(TO, 0n, 1n)[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code }),
      ]);
    } finally {
      await Promise.all([admin.stop(), ranges.stop()]);
    }
  });
});

/** Those that keep an appender trying the longest: one for each thing that can be wrong. */
const SHUT_OUT = CLOSED.filter(([what]) =>
  ['a wrong password by scram-sha-512', 'a CA that is not trusted'].includes(what),
);

describe.concurrent.for(SHUT_OUT)('%s', ([, listener, variables, code]) => {
  test.for(CLIENTS)(`is named by the appender of %s, which does not hammer at the door`, async (client) => {
    const front = await countingFront(broker[listener]);
    const [failedTwice, failures] = [Promise.withResolvers<void>(), [] as string[]];
    const noticing = pino(
      { level: 'warn', messageKey: 'event' },
      {
        write: (line: string) => {
          const { event, error } = JSON.parse(line) as { event: string; error?: string };
          if (event === 'kafka.appender.connect.failed' && failures.push(String(error)) === 2) failedTwice.resolve();
        },
      },
    );
    const config = { ...configOf(listener, variables(), client), brokers: [front.address] };
    const startedMs = performance.now();
    const appender = openAppender({ config, clientId: 'test', logger: noticing });
    try {
      await failedTwice.promise;
      const seconds = (performance.now() - startedMs) / 1_000;
      expect(front.connections).toBeLessThanOrEqual(2 + CONNECTIONS_A_SECOND_MAX * seconds);
      for (const failure of failures) expect(failure).toMatch(new RegExp(`^${code}: .*${front.address}`));
    } finally {
      await appender.stop();
      await front.close();
    }
  });
});

describe('the command line', () => {
  test("lends its login and its CA to Kafka's own tools", async () => {
    const variables = { ...loginBy('scram-sha-512'), ...overTls(), PMC_KAFKA_BROKERS: broker.tlsLogin };
    const { code, stdout, stderr } = await pmc(['kafka', 'topics', '--list'], variables);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.split('\n')).toContain(TOPIC.incoming);
  });

  test.for<[string, Listener, () => Variables, number, string]>([
    ['a wrong password', 'login', () => loginBy('scram-sha-256', 'wrong'), 5, 'PMC_KAFKA_AUTHENTICATION'],
    ['a CA that is not trusted', 'tls', () => ({ PMC_KAFKA_TLS: 'on' }), 5, 'PMC_KAFKA_CERTIFICATE'],
    ['half a login', 'login', () => ({ PMC_KAFKA_SASL_USERNAME: USERNAME }), 2, 'PMC_CONFIG_INVALID'],
  ])('ends with one line and the exit code of %s', async ([, listener, variables, exitCode, errorCode]) => {
    const answer = await pmc(['topics', 'create'], { ...variables(), PMC_KAFKA_BROKERS: broker[listener] });
    expect(answer).toMatchObject({ code: exitCode, stdout: '' });
    expect(answer.stderr).toMatch(new RegExp(`^pmc: ${errorCode}: [^\n]+\n$`));
    expect(answer.stderr).not.toContain('wrong');
  });
});

test('`pmc up` starts nothing where it is not let in', async () => {
  const home = join(broker.folder, 'home');
  const variables = { ...loginBy('scram-sha-512', 'wrong'), PMC_KAFKA_BROKERS: broker.login, PMC_HOME: home };
  const { code, stderr } = await pmc(['up'], { ...variables, ...(await scratchPorts()) });
  expect(code).toBe(5);
  expect(stderr).toMatch(/^pmc: PMC_KAFKA_AUTHENTICATION: /m);
  expect(existsSync(join(home, 'run', 'processes.json'))).toBe(false);
});

test('a service that is not let in ends with the code in its log, for its supervisor to start it ever more slowly', async () => {
  const variables = { ...loginBy('scram-sha-512', 'wrong'), PMC_KAFKA_BROKERS: broker.login };
  const nowhere = { PMC_REGISTRY_URL: 'http://127.0.0.1:1', DATABASE_URL: 'postgres://127.0.0.1:1/pmc' };
  const others = { ...nowhere, PMC_SOURCES: 'ws://127.0.0.1:1', PMC_GATEWAY_PORT: '0' };
  const { code, stdout } = await run(COMMUNICATOR, [], { ...variables, ...others });
  expect(code).toBe(5);
  expect(stdout).toMatch(/"level":"fatal".*"error":"PMC_KAFKA_AUTHENTICATION: pmc is not let in by scram-sha-512/);
  expect(stdout).not.toContain('wrong');
});

interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function pmc(args: readonly string[], variables: Variables): Promise<Answer> {
  return run(PMC, args, variables);
}

function run(program: string, args: readonly string[], variables: Variables): Promise<Answer> {
  const env = {
    PATH: process.env['PATH'],
    NODE_ENV: 'production',
    PMC_HOME: broker.folder,
    PMC_ARTIFACTS: inject('artifacts'),
    PMC_SPOOL_FOLDER: join(broker.folder, 'spool'),
    ...variables,
  };
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

/** A port of its own in front of a broker, under the same host name, that counts who comes. */
async function countingFront(target: string) {
  const [host = '', targetPort] = target.split(':');
  const sockets = new Set<Socket>();
  const front = { address: '', connections: 0, close: (): Promise<void> => Promise.resolve() };
  const server = createServer((inside) => {
    front.connections += 1;
    const outside = dial({ host: '127.0.0.1', port: Number(targetPort) });
    for (const socket of [inside, outside]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
    }
    inside.pipe(outside).pipe(inside);
  });
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
  front.address = `${host}:${(server.address() as AddressInfo).port}`;
  front.close = () =>
    new Promise((resolve) => {
      for (const socket of sockets) socket.destroy();
      server.close(() => resolve());
    });
  return front;
}
