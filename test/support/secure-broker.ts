// A Kafka broker of a test's own that asks for passwords and shows a certificate, on loopback with all data in a scratch folder:
// plaintext, login over plaintext, TLS, and login over TLS, a listener each. A killed test run does not leave it behind.
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { completeArtifact, KAFKA_ARTIFACT } from '../../compose/embedded/artifacts.ts';
import { kafkaProperties } from '../../compose/embedded/kafka-properties.ts';
import { javaProgram } from '../../compose/embedded/preflight-probe.ts';
import { Children } from '../../compose/processes/children.ts';
import { startGuard } from '../../compose/processes/guard.ts';
import { tailOf } from '../../compose/processes/log-file.ts';
import { pause } from '../../service/backoff.ts';
import { makeCertificates } from './certificates.ts';
import { freePorts } from './free-ports.ts';

export const USERNAME = 'pmc';
/** Kafka's format tool, which makes the users, splits at commas. */
export const PASSWORD = 'pass=word 1';

export interface SecureBroker {
  readonly plaintext: string;
  readonly login: string;
  readonly tls: string;
  readonly tlsLogin: string;
  /** The TLS listener by an address that its certificate is not for. */
  readonly tlsOtherName: string;
  readonly caFile: string;
  readonly folder: string;
  stop(): Promise<void>;
}

const LOG_CONFIGURATION = fileURLToPath(new URL('../../compose/embedded/log4j2.properties', import.meta.url));
const READY_DEADLINE_MS = 90_000;
const SCRAM = ['SCRAM-SHA-256', 'SCRAM-SHA-512'];

export async function startSecureBroker(artifacts: string): Promise<SecureBroker> {
  const jars = completeArtifact(artifacts, KAFKA_ARTIFACT);
  if (jars === undefined) throw new Error(`${artifacts} has no Kafka`);
  const folder = mkdtempSync(join(tmpdir(), 'pmc-secure-'));
  const [port = 0, controllerPort = 0, loginPort, tlsPort, tlsLoginPort] = await freePorts(5);
  const java = javaProgram(process.env['JAVA_HOME']);
  const { caFile, keystore, password } = makeCertificates(folder, java.replace(/java$/, 'keytool'), 'localhost');
  const others = `LOGIN://127.0.0.1:${loginPort},TLS://localhost:${tlsPort},TLSLOGIN://localhost:${tlsLoginPort}`;
  const jaas = (module: string, options: string): string =>
    `org.apache.kafka.common.security.${module} required ${options};`;
  const extra: Record<string, string> = {
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort},${others}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port},${others}`,
    'listener.security.protocol.map':
      'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,LOGIN:SASL_PLAINTEXT,TLS:SSL,TLSLOGIN:SASL_SSL',
    'sasl.enabled.mechanisms': ['PLAIN', ...SCRAM].join(','),
    'ssl.keystore.type': 'PKCS12',
    'ssl.keystore.location': keystore,
    'ssl.keystore.password': password,
  };
  for (const listener of ['login', 'tlslogin']) {
    const name = `listener.name.${listener}`;
    extra[`${name}.plain.sasl.jaas.config`] = jaas('plain.PlainLoginModule', `user_${USERNAME}="${PASSWORD}"`);
    for (const mechanism of SCRAM) {
      extra[`${name}.${mechanism.toLowerCase()}.sasl.jaas.config`] = jaas('scram.ScramLoginModule', '');
    }
  }
  const properties = join(folder, 'server.properties');
  const lines = Object.entries(extra).map(([name, value]) => `${name}=${escaped(value)}`);
  const place = { logFolder: join(folder, 'log'), port, controllerPort };
  writeFileSync(properties, `${kafkaProperties(place)}${lines.join('\n')}\n`);

  const environment = { PATH: process.env['PATH'], HOME: process.env['HOME'] };
  const registerFile = join(folder, 'processes.json');
  const children = new Children({ registerFile, logsFolder: folder });
  const guard = await startGuard({ registerFile, logFile: join(folder, 'warden.log') }, environment);
  const stop = async (): Promise<void> => {
    await children.close({ deadlineMs: 8_000 });
    await guard.dismiss();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const log = `-Dlog4j2.configurationFile=${LOG_CONFIGURATION}`;
    const light = [log, '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xmx256m', '-cp', join(jars, '*')];
    const users = SCRAM.flatMap((one) => ['--add-scram', `${one}=[name=${USERNAME},password="${PASSWORD}"]`]);
    const id = Buffer.from(randomUUID().replaceAll('-', ''), 'hex').toString('base64url').replace(/^-/, 'A');
    const format = ['kafka.tools.StorageTool', 'format', '--cluster-id', id, '--config', properties, ...users];
    const run = { name: 'format', command: java, args: [...light, ...format], environment };
    const { succeeded, lastLine } = await children.run(run);
    if (!succeeded) throw new Error(`formatting failed: ${lastLine}`);
    const args = [...light, 'kafka.Kafka', properties];
    const broker = children.start({ name: 'kafka', stage: 'kafka', command: java, args, environment, cwd: folder });
    const deadline = AbortSignal.timeout(READY_DEADLINE_MS);
    while (!tailOf(broker.logFile, 0).includes('Kafka Server started')) {
      if (deadline.aborted || broker.process.exitCode !== null)
        throw new Error(tailOf(broker.logFile, 0).slice(-4_000));
      await pause(100);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  const [plaintext, login] = [`127.0.0.1:${port}`, `127.0.0.1:${loginPort}`];
  const [tls, tlsLogin, tlsOtherName] = [`localhost:${tlsPort}`, `localhost:${tlsLoginPort}`, `127.0.0.1:${tlsPort}`];
  return { plaintext, login, tls, tlsLogin, tlsOtherName, caFile, folder, stop };
}

/** A value in Java's properties format, which is Latin-1. */
function escaped(value: string): string {
  return value
    .replaceAll('\\', '\\\\')
    .replace(/[^\x20-\x7e]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
