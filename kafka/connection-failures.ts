// Why a cluster could not be asked: the password, the certificate, the versions, or nobody answered. Told by codes and names
// that the clients and Node give their errors, anywhere below the one at hand, and never by the text of a message.
import { PmcError } from '../service/errors.ts';
import type { ClusterAccess } from './client-options.ts';

const LOGIN_REFUSED = new Set(['SASL_AUTHENTICATION_FAILED', 'UNSUPPORTED_SASL_MECHANISM', 'ILLEGAL_SASL_STATE']);
const VERSION_MISSING = new Set([
  'UNSUPPORTED_VERSION',
  'PLT_KFK_UNSUPPORTED_API',
  'KafkaJSServerDoesNotSupportApiKey',
]);
/** OpenSSL's verdicts on a chain of certificates as Node names them, and Node's own on the host name. */
const NOT_TRUSTED = new Set([
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'CERT_CHAIN_TOO_LONG',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REJECTED',
  'CERT_REVOKED',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'HOSTNAME_MISMATCH',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

type Asked = Pick<ClusterAccess, 'brokers' | 'sasl'>;

/** Always an error with a code; PMC_KAFKA_UNREACHABLE, which time may cure, where nothing proves another. */
export function connectionFailure(error: unknown, access: Asked): PmcError {
  const { brokers } = access;
  const message = `no answer from Kafka at ${brokers.join(', ')}; PMC_KAFKA_BROKERS names it`;
  const innermost = [...errorsBelow(error)].at(-1) ?? error;
  return (
    accessRefusal(error, access) ?? new PmcError('PMC_KAFKA_UNREACHABLE', message, { brokers }, { cause: innermost })
  );
}

/** Why the cluster did not let us in, or undefined where nothing proves that it did not want to. */
export function accessRefusal(error: unknown, { brokers, sasl }: Asked): PmcError | undefined {
  const all = [...errorsBelow(error)];
  const where = brokers.join(', ');
  const named = (names: ReadonlySet<string>): Error | undefined =>
    all.find((one) => factsOf(one).some((fact) => names.has(fact)));
  const distrusted = named(NOT_TRUSTED);
  if (distrusted !== undefined) {
    const message = `the certificate of Kafka at ${where} is not accepted; PMC_KAFKA_TLS_CA names the CA to trust`;
    return new PmcError('PMC_KAFKA_CERTIFICATE', message, { brokers }, { cause: distrusted });
  }
  const refused = named(LOGIN_REFUSED) ?? all.find(isLoginRefused);
  if (refused !== undefined) {
    const who = sasl === undefined ? 'nobody logged in' : `${sasl.username} is not let in by ${sasl.mechanism}`;
    const message = `${who} at Kafka at ${where}; PMC_KAFKA_SASL_MECHANISM, _USERNAME and _PASSWORD say how to log in`;
    return new PmcError('PMC_KAFKA_AUTHENTICATION', message, { brokers }, { cause: refused });
  }
  const missing = named(VERSION_MISSING);
  if (missing !== undefined) {
    const message = `Kafka at ${where} does not speak a version of a request that is needed; use Kafka 3.0 or newer`;
    return new PmcError('PMC_KAFKA_INCOMPATIBLE', message, { brokers }, { cause: missing });
  }
  return undefined;
}

/** A login that a lost connection cut short proves nothing about the password. */
function isLoginRefused(error: Error): boolean {
  if (error.name === 'KafkaJSSASLAuthenticationError') return true;
  return (
    factsOf(error).includes('PLT_KFK_AUTHENTICATION') &&
    ![...errorsBelow(error)].some((one) => factsOf(one).includes('PLT_KFK_NETWORK'))
  );
}

function factsOf(error: Error): readonly string[] {
  const { code, type, apiId } = error as Error & Readonly<Record<'code' | 'type' | 'apiId', unknown>>;
  return [error.name, code, type, apiId].filter((fact) => typeof fact === 'string');
}

/** The error, its causes and its parts, the outermost first. */
function* errorsBelow(error: unknown, seen = new Set<unknown>()): Generator<Error> {
  if (!(error instanceof Error) || seen.has(error)) return;
  seen.add(error);
  yield error;
  if (error instanceof AggregateError) for (const one of error.errors) yield* errorsBelow(one, seen);
  yield* errorsBelow(error.cause, seen);
}
