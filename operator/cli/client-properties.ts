// How Kafka's own tools are told to get into the cluster: the same access as the services', in Java's words. Pure.
import type { ClusterAccess, SaslLogin } from '../../kafka/client-options.ts';

const LOGIN_MODULE: Readonly<Record<SaslLogin['mechanism'], string>> = {
  plain: 'plain.PlainLoginModule',
  'scram-sha-256': 'scram.ScramLoginModule',
  'scram-sha-512': 'scram.ScramLoginModule',
};

/** The text of a client.properties file; empty where the tools need none. */
export function clientProperties({ tls, sasl }: Pick<ClusterAccess, 'tls' | 'sasl'>): string {
  const properties: Record<string, string> = {};
  if (tls !== undefined || sasl !== undefined) {
    properties['security.protocol'] = `${sasl === undefined ? '' : 'SASL_'}${sasl && !tls ? 'PLAINTEXT' : 'SSL'}`;
  }
  if (tls?.ca !== undefined) {
    properties['ssl.truststore.type'] = 'PEM';
    properties['ssl.truststore.certificates'] = tls.ca;
  }
  if (sasl !== undefined) {
    const module = `org.apache.kafka.common.security.${LOGIN_MODULE[sasl.mechanism]}`;
    properties['sasl.mechanism'] = sasl.mechanism.toUpperCase();
    properties['sasl.jaas.config'] =
      `${module} required username=${quoted(sasl.username)} password=${quoted(sasl.password)};`;
  }
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${escaped(value)}\n`)
    .join('');
}

/** A text in JAAS. */
function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&')}"`;
}

/** A value in Java's properties format: one line, Latin-1, and backslashes mean something. */
function escaped(value: string): string {
  return value
    .replaceAll('\\', '\\\\')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
