// How to reach a cluster and be let in, in no client's words; each adapter translates it. Files that the configuration
// names are read here, so that a wrong one is reported before anything connects.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ConfigOf } from '../service/config.ts';
import { PmcError } from '../service/errors.ts';
import type { Logger } from '../service/logger.ts';
import type { clusterSettings } from './config.ts';

type Configured = ConfigOf<typeof clusterSettings>;
/** Without more than brokers a cluster is spoken to in plaintext and without a login. */
export type ClusterConfig = Pick<Configured, 'brokers'> & Partial<Configured>;

export interface SaslLogin {
  readonly mechanism: Exclude<Configured['saslMechanism'], 'none'>;
  readonly username: string;
  readonly password: string;
}

export interface ClusterAccess {
  /** Bootstrap brokers as host:port. */
  readonly brokers: readonly string[];
  /** Shows in the broker's logs and in group descriptions. */
  readonly clientId: string;
  /** Absent for plaintext; `ca` as PEM, absent for the public CAs. */
  readonly tls?: { readonly ca?: string };
  readonly sasl?: SaslLogin;
}

export interface ClientOptions extends ClusterAccess {
  readonly logger: Logger;
}

/** Told why a connection could not be made at every attempt that fails, and undefined when there is one. */
export type OnConnection = (problem: PmcError | undefined) => void;

export interface AppenderOptions extends ClientOptions {
  readonly onConnection?: OnConnection;
}

/** Throws PMC_CONFIG_INVALID for a file that cannot be read or holds something else. */
export function clusterAccess(config: ClusterConfig, clientId: string): ClusterAccess {
  const { brokers, tls, tlsCa, saslMechanism: mechanism, saslUsername: username } = config;
  const hasLogin = mechanism !== undefined && mechanism !== 'none' && username !== undefined;
  return {
    brokers,
    clientId,
    ...(tls === 'on' && { tls: tlsCa === undefined ? {} : { ca: readCa(tlsCa) } }),
    ...(hasLogin && { sasl: { mechanism, username, password: passwordOf(config) } }),
  };
}

function passwordOf({ saslPassword, saslPasswordFile: file }: ClusterConfig): string {
  if (file === undefined) return saslPassword ?? '';
  const password = readText('PMC_KAFKA_SASL_PASSWORD_FILE', file).replace(/\r?\n$/, '');
  if (password === '') throw unusable('PMC_KAFKA_SASL_PASSWORD_FILE', file, 'is empty');
  return password;
}

function readCa(file: string): string {
  const pem = readText('PMC_KAFKA_TLS_CA', file);
  try {
    new X509Certificate(pem);
  } catch (cause) {
    throw unusable('PMC_KAFKA_TLS_CA', file, 'holds no certificate in PEM form', cause);
  }
  return pem;
}

function readText(variable: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw unusable(variable, file, 'cannot be read', cause);
  }
}

function unusable(variable: string, file: string, why: string, cause?: unknown): PmcError {
  return new PmcError('PMC_CONFIG_INVALID', `${variable} names ${file}, which ${why}`, { variable, file }, { cause });
}
