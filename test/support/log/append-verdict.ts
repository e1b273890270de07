// What a test appended against what is on the log. Pure. A record's value is `topic/partition/number`, numbered per partition in
// the order in which it was appended first, with padding after a space: so the log can be judged without trusting any client.
import type { AppendOutcome, TopicPartition } from '../../../kafka/log.ts';
import type { StoredRecord } from './stored-record.ts';

export interface Attempt {
  readonly to: TopicPartition;
  readonly ids: readonly string[];
  readonly outcome: AppendOutcome;
}

/** Each a list of records for which a promise was broken. */
export interface Violations {
  /** Acknowledged, and nowhere on its partition. */
  readonly missing: readonly string[];
  /** Acknowledged at an offset that holds something else. */
  readonly misplaced: readonly string[];
  /** On the log more often than it was acknowledged or reported unknown. */
  readonly repeated: readonly string[];
  /** Behind a record that was appended after it, though no outcome of either was unknown. */
  readonly disordered: readonly string[];
  /** Its last attempt had an unknown outcome. */
  readonly unsettled: readonly string[];
  /** On the log, and never appended like this to this partition. */
  readonly invented: readonly string[];
}

export interface AppendVerdict {
  readonly violations: Violations;
  readonly acked: number;
  /** Records times attempts whose outcome was unknown. */
  readonly unknown: number;
  /** Copies on the log beyond the first of each record; every one of them was reported as possible. */
  readonly copies: number;
  /** Records appended again after an unknown outcome that now stand behind a later one. */
  readonly overtaken: readonly string[];
}

export const NONE: Violations = {
  missing: [],
  misplaced: [],
  repeated: [],
  disordered: [],
  unsettled: [],
  invented: [],
};

export function idOf(value: string): string {
  return value.split(' ', 1)[0] ?? '';
}

interface Account {
  readonly partition: number;
  readonly number: number;
  ackedAt: bigint[];
  unknown: number;
  isSettled: boolean;
}

export function judgeAppends(attempts: readonly Attempt[], stored: readonly StoredRecord[]): AppendVerdict {
  const accounts = accountsOf(attempts);
  const copies = new Map<string, StoredRecord[]>();
  const invented: string[] = [];
  for (const record of stored) {
    const id = idOf(record.value);
    const account = accounts.get(id);
    if (account === undefined || account.partition !== record.partition) invented.push(id);
    else copies.set(id, [...(copies.get(id) ?? []), record]);
  }
  const all = [...accounts].map(([id, account]) => ({ id, account, found: copies.get(id) ?? [] }));
  const acked = all.filter(({ account }) => account.ackedAt.length > 0);
  const behind = outOfOrder(acked.filter(({ found }) => found.length > 0));
  const idsOf = (some: typeof all): readonly string[] => some.map(({ id }) => id);
  return {
    violations: {
      missing: idsOf(acked.filter(({ found }) => found.length === 0)),
      misplaced: idsOf(
        acked.filter(
          ({ account, found }) =>
            found.length > 0 && !account.ackedAt.every((offset) => found.some((one) => one.offset === offset)),
        ),
      ),
      repeated: idsOf(all.filter(({ account, found }) => found.length > account.ackedAt.length + account.unknown)),
      disordered: behind.filter((id) => accounts.get(id)?.unknown === 0),
      unsettled: idsOf(all.filter(({ account }) => !account.isSettled)),
      invented,
    },
    acked: acked.length,
    unknown: all.reduce((sum, { account }) => sum + account.unknown, 0),
    copies: all.reduce((sum, { found }) => sum + Math.max(0, found.length - 1), 0),
    overtaken: behind.filter((id) => accounts.get(id)?.unknown !== 0),
  };
}

function accountsOf(attempts: readonly Attempt[]): ReadonlyMap<string, Account> {
  const accounts = new Map<string, Account>();
  for (const { to, ids, outcome } of attempts) {
    ids.forEach((id, index) => {
      const account = accounts.get(id) ?? {
        partition: to.partition,
        number: Number(id.split('/').at(-1)),
        ackedAt: [],
        unknown: 0,
        isSettled: false,
      };
      accounts.set(id, account);
      if (outcome.outcome === 'acked') account.ackedAt.push(outcome.baseOffset + BigInt(index));
      if (outcome.outcome === 'unknown') account.unknown += 1;
      account.isSettled = outcome.outcome !== 'unknown';
    });
  }
  return accounts;
}

/**
 * The records that stand behind one with a higher number in their partition. A record stands where its acknowledgement says: other
 * copies of it come from attempts of unknown outcome. One that was appended again does not put others out of order.
 */
function outOfOrder(
  acked: readonly { readonly id: string; readonly account: Account; readonly found: readonly StoredRecord[] }[],
): readonly string[] {
  const behind: string[] = [];
  const highest = new Map<number, number>();
  const placed = acked.map(({ id, account, found }) => ({
    id,
    account,
    at: account.ackedAt.find((offset) => found.some((one) => one.offset === offset)) ?? found[0]?.offset ?? 0n,
  }));
  for (const { id, account } of placed.sort((a, b) => (a.at < b.at ? -1 : 1))) {
    const before = highest.get(account.partition) ?? -1;
    if (account.number < before) behind.push(id);
    else if (account.unknown === 0) highest.set(account.partition, account.number);
  }
  return behind;
}
