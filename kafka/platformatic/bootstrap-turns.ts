// A patch of @platformatic/kafka 2.12.1: `Base[kGetBootstrapConnection]` and `Base[kPerformWithRetry]`, dist/clients/base/base.js.
//
// Why. What any broker can answer is asked of the first one that takes a connection. Most questions (who coordinates a group, which topics
// there are) go to that one again at each retry, also where it, or what stands before it, closes the connection or says nothing: with
// two sound brokers behind it, no member joined its group and nothing was learnt about a topic.
//
// What differs. After an attempt that failed the next broker is asked, and from then on; by all clients of this process, so that one
// made anew does not find out once more.
//
// How. In memory, as kafkajs/patches/idle-timers.ts says, and around the library's own functions.
import { Base, type Callback, type Connection, kGetBootstrapConnection, kPerformWithRetry } from '@platformatic/kafka';
import { assertReviewed } from '../reviewed.ts';

const MODULE = '@platformatic/kafka, clients/base/base.js';
const REVIEWED_SHA256 = '1de5c525ef91016f026be67893d6dd865802bf4f00a6fe1bb99e244f8c642a33';

export type BaseClass = { readonly prototype: Pick<Base, typeof kGetBootstrapConnection | typeof kPerformWithRetry> };

const patched = new WeakSet<BaseClass['prototype']>();
let turn = 0;

export function patchBootstrapTurns({ prototype }: BaseClass = Base): void {
  if (patched.has(prototype)) return;
  const { [kGetBootstrapConnection]: connect, [kPerformWithRetry]: perform } = prototype;
  assertReviewed(MODULE, `${String(connect)}${String(perform)}`, REVIEWED_SHA256);
  prototype[kGetBootstrapConnection] = function connectInTurn(this: Base, callback: Callback<Connection>) {
    // Taken modulo how many there are.
    connect.call(this, callback, turn);
  };
  prototype[kPerformWithRetry] = function performInTurn(
    this: Base,
    ...args: Parameters<Base[typeof kPerformWithRetry]>
  ) {
    const [operationId, operation, callback, attempt = 0, ...rest] = args;
    // Called by itself for each retry, with the operation that it was given.
    if (attempt > 0) return Reflect.apply(perform, this, args);
    const judged: typeof operation = (answered, nth) =>
      operation((error, result) => {
        if (error) turn += 1;
        answered(error, result);
      }, nth);
    return Reflect.apply(perform, this, [operationId, judged, callback, attempt, ...rest]);
  } as typeof perform;
  patched.add(prototype);
}
