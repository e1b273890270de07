// A patch of @platformatic/kafka 2.12.1: `ConnectionPool.getFirstAvailable`, dist/network/connection-pool.js, and
// `Base[kPerformWithRetry]`, dist/clients/base/base.js.
//
// Why. What any broker can answer is asked of the first one that takes a connection. Most questions (who coordinates a group, which topics
// there are) go to that one again at each retry, also where it, or what stands before it, closes the connection or says nothing: with
// two sound brokers behind it, no member joined its group and nothing was learnt about a topic.
//
// What differs. The broker that gave somebody no answer is asked last, by all clients of this process, so that one made anew does not find
// out once more; before it those that answered with a refusal, which another may not give. Remembered is who it was, not how often: of
// three questions that wait for one broker and fail together each would pass on the turn, and with three brokers the same one was asked again.
//
// How. In memory, as kafkajs/patches/idle-timers.ts says, and around the library's own functions.
import {
  Base,
  type Broker,
  type Callback,
  type Connection,
  ConnectionPool,
  findErrorBy,
  kGetBootstrapConnection,
  kPerformWithRetry,
  NetworkError,
} from '@platformatic/kafka';
import { assertReviewed } from '../reviewed.ts';

const MODULE = '@platformatic/kafka, clients/base/base.js and network/connection-pool.js';
const REVIEWED_SHA256 = '9f40feb7b702b4c4a91707e88563657610dd6df672c6c4b150765f7b5eb24fea';

export type BaseClass = { readonly prototype: Pick<Base, typeof kGetBootstrapConnection | typeof kPerformWithRetry> };
export type PoolClass = { readonly prototype: Pick<ConnectionPool, 'getFirstAvailable'> };

/** A question under way, and who it was asked of where any broker will do. */
type Question = { asked?: string };

const patched = new WeakSet<BaseClass['prototype']>();
/** Who refused what it was asked, and who gave no answer; the last one last. */
const refusing = new Set<string>();
const silent = new Set<string>();
/** What was put down to a broker: whoever waits for the same question, or began it, is told the same error. */
const judgedBefore = new WeakSet<Error>();
/** The one whose function is running: each asks for its connection before it waits for anything (cluster-admin.ts for the one that does not). */
let current: Question = {};

export function patchBootstrapTurns(
  { prototype }: BaseClass = Base,
  { prototype: pool }: PoolClass = ConnectionPool,
): void {
  if (patched.has(prototype)) return;
  const { [kGetBootstrapConnection]: connect, [kPerformWithRetry]: perform } = prototype;
  const { getFirstAvailable } = pool;
  assertReviewed(MODULE, `${String(connect)}${String(getFirstAvailable)}${String(perform)}`, REVIEWED_SHA256);
  pool.getFirstAvailable = function getSoundFirst(
    this: ConnectionPool,
    brokers: Broker[],
    callback: Callback<Connection>,
  ) {
    const inOrder = soundFirst(brokers);
    const question = current;
    const taken: Callback<Connection> = (error, connection) => {
      if (connection) question.asked = taker(inOrder, connection);
      callback(error, connection);
    };
    Reflect.apply(getFirstAvailable, this, [inOrder, taken]);
  } as ConnectionPool['getFirstAvailable'];
  prototype[kPerformWithRetry] = function performInTurn(
    this: Base,
    ...args: Parameters<Base[typeof kPerformWithRetry]>
  ) {
    const [operationId, operation, callback, attempt = 0, ...rest] = args;
    // Called by itself for each retry, with the operation that it was given.
    if (attempt > 0) return Reflect.apply(perform, this, args);
    const judged: typeof operation = (answered, nth) => {
      const question: Question = {};
      const outer = current;
      current = question;
      try {
        operation((error, result) => {
          // What is in flight when a client is closed says nothing about anybody.
          if (error && question.asked !== undefined && !this.closed) judge(error, question.asked);
          answered(error, result);
        }, nth);
      } finally {
        current = outer;
      }
    };
    return Reflect.apply(perform, this, [operationId, judged, callback, attempt, ...rest]);
  } as typeof perform;
  patched.add(prototype);
}

function soundFirst(brokers: readonly Broker[]): Broker[] {
  const order = [...refusing, ...silent];
  const rank = (broker: Broker): number => order.indexOf(named(broker));
  return [...brokers].sort((one, other) => rank(one) - rank(other));
}

/** Who took the connection; those that were tried before it did not. */
function taker(tried: readonly Broker[], { host = '', port = 0 }: Connection): string {
  const name = named({ host, port });
  for (const broker of tried) {
    if (named(broker) === name) break;
    isLast(silent, named(broker));
  }
  return name;
}

function judge(error: Error, name: string): void {
  if (wasJudged(error)) return;
  judgedBefore.add(error);
  isLast(findErrorBy(error, 'code', NetworkError.code) === null ? refusing : silent, name);
}

function wasJudged(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return judgedBefore.has(error) || (error instanceof AggregateError && error.errors.some(wasJudged));
}

function isLast(among: Set<string>, name: string): void {
  refusing.delete(name);
  silent.delete(name);
  among.add(name);
}

function named({ host, port }: Broker): string {
  return `${host}:${port}`;
}
