// The accounts of the double-entry balance. Per partition, settled = stored + altered + duplicateOf + quarantined + control
// + aborted + expired + purged + missing. Every account is counted by proof, none by subtraction; what the equation leaves
// over is the residual, and a residual that no unproved hole explains is itself a finding. Pure.
export const ACCOUNTS = [
  'stored',
  'altered',
  'duplicateOf',
  'quarantined',
  'control',
  'aborted',
  'expired',
  'purged',
  'missing',
] as const;

export type Account = (typeof ACCOUNTS)[number];
export type AccountCounts = Readonly<Record<Account, number>>;

export interface Balance extends AccountCounts {
  /** Offsets judged: the left side of the equation. */
  readonly settled: number;
  /** Rows without a record; outside the equation. */
  readonly extra: number;
  readonly residual: number;
}

export function noAccounts(): Record<Account, number> {
  return {
    stored: 0,
    altered: 0,
    duplicateOf: 0,
    quarantined: 0,
    control: 0,
    aborted: 0,
    expired: 0,
    purged: 0,
    missing: 0,
  };
}

export function balance(counts: AccountCounts, settled: number, extra: number): Balance {
  const sum = ACCOUNTS.reduce((total, account) => total + counts[account], 0);
  return { settled, ...counts, extra, residual: settled - sum };
}

export function addBalances(balances: readonly Balance[]): Balance {
  const counts = noAccounts();
  let settled = 0;
  let extra = 0;
  for (const one of balances) {
    for (const account of ACCOUNTS) counts[account] += one[account];
    settled += one.settled;
    extra += one.extra;
  }
  return balance(counts, settled, extra);
}
