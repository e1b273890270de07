// What every client of @platformatic/kafka here has in common.
import { isIP } from 'node:net';
import { type BaseOptions, SASLMechanisms } from '@platformatic/kafka';
import type { ClusterAccess, SaslLogin } from '../client-options.ts';
import { patchBootstrapTurns } from './bootstrap-turns.ts';
import { patchConnectionErrors } from './connection-errors.ts';

patchBootstrapTurns();
patchConnectionErrors();

export const CONNECT_TIMEOUT_MS = 5_000;

const MECHANISM = {
  plain: SASLMechanisms.PLAIN,
  'scram-sha-256': SASLMechanisms.SCRAM_SHA_256,
  'scram-sha-512': SASLMechanisms.SCRAM_SHA_512,
} as const satisfies Record<SaslLogin['mechanism'], string>;

export function accessOptions({
  brokers,
  clientId,
  tls,
  sasl,
}: ClusterAccess): Pick<
  BaseOptions,
  'clientId' | 'bootstrapBrokers' | 'connectTimeout' | 'retryDelay' | 'tls' | 'tlsServerName' | 'sasl'
> {
  return {
    clientId,
    bootstrapBrokers: [...brokers],
    connectTimeout: CONNECT_TIMEOUT_MS,
    retryDelay: 250,
    // A server name (SNI) may not be an address. The certificate is checked against what was dialled in both cases.
    ...(tls && { tls: { ...tls }, tlsServerName: !brokers.some((broker) => isIP(broker.replace(/:\d+$/, '')) !== 0) }),
    ...(sasl && { sasl: { ...sasl, mechanism: MECHANISM[sasl.mechanism] } }),
  };
}
