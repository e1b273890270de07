import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ACCOUNTS, type AccountCounts, addBalances, balance, noAccounts } from './accounts.ts';

const COUNTS = fc.record(
  Object.fromEntries(ACCOUNTS.map((account) => [account, fc.nat(1_000)])) as Record<
    keyof AccountCounts,
    fc.Arbitrary<number>
  >,
);

describe('the balance', () => {
  test('leaves nothing over exactly when every settled offset is in one account', () => {
    fc.assert(
      fc.property(COUNTS, fc.integer({ min: -5, max: 5 }), fc.nat(9), (counts, off, extra) => {
        const sum = ACCOUNTS.reduce((total, account) => total + counts[account], 0);
        expect(balance(counts, sum + off, extra)).toEqual({ settled: sum + off, ...counts, extra, residual: off });
      }),
    );
  });

  test.each(ACCOUNTS)('counts %s', (account) => {
    expect(balance({ ...noAccounts(), [account]: 3 }, 3, 0).residual).toBe(0);
    expect(balance({ ...noAccounts(), [account]: 2 }, 3, 0).residual).toBe(1);
  });

  test('does not count rows without a record: they stand outside the equation', () => {
    expect(balance({ ...noAccounts(), stored: 3 }, 3, 7).residual).toBe(0);
  });

  test('knows every account of the equation', () => {
    const equation = 'stored + altered + duplicateOf + quarantined + control + aborted + expired + purged + missing';
    expect(ACCOUNTS).toEqual(equation.split(' + '));
    expect(Object.keys(noAccounts())).toEqual(equation.split(' + '));
  });

  test('adds up account by account, residuals too', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(COUNTS, fc.nat(9_999), fc.nat(9)), { maxLength: 6 }), (parts) => {
        const balances = parts.map(([counts, settled, extra]) => balance(counts, settled, extra));
        const sum = addBalances(balances);
        for (const name of [...ACCOUNTS, 'settled', 'extra', 'residual'] as const) {
          expect(sum[name]).toBe(balances.reduce((total, one) => total + one[name], 0));
        }
      }),
    );
    expect(addBalances([])).toEqual(balance(noAccounts(), 0, 0));
  });
});
