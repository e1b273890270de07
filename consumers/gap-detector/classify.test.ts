import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ACCOUNTS, type Account, noAccounts } from './accounts.ts';
import type { LogEntry, Row } from './classify.ts';
import { AT, LENGTH, rowOf, World } from './classify-world.testing.ts';

/** Each spoils one offset and says what must be found there: an account, a finding, an extra row; nothing is stored then. */
interface Spoiler {
  readonly account?: Account;
  readonly finding?: string;
  readonly suspect?: true;
  readonly extra?: true;
  readonly spoil: (world: World, offset: number) => void;
}

/** No row, but a duplicate entry that points at this one; `key` where it was purged. */
function claim(first: (at: number) => Row | undefined, key?: (at: number) => string): Spoiler['spoil'] {
  return ({ rows, duplicates, purgedDuplicates }, at) => {
    rows.delete(BigInt(at));
    duplicates.set(BigInt(at), first(at));
    if (key !== undefined) purgedDuplicates.set(BigInt(at), key(at));
  };
}

/** No row, and something else than a record on the log. */
function onLog(found: LogEntry): Spoiler['spoil'] {
  return ({ rows, log }, at) => {
    rows.delete(BigInt(at));
    log.set(BigInt(at), found);
  };
}

const SPOILERS: Readonly<Record<string, Spoiler>> = {
  'a row is gone': { suspect: true, spoil: ({ rows }, at) => rows.delete(BigInt(at)) },
  'a byte of a row was altered': {
    account: 'altered',
    finding: 'altered',
    spoil: ({ rows }, at) => rows.set(BigInt(at), { ...rowOf(at), payloadHash: 'other' }),
  },
  'a derived column of a row was altered': {
    account: 'altered',
    finding: 'altered',
    spoil: ({ rows }, at) => rows.set(BigInt(at), { ...rowOf(at), columns: 1 }),
  },
  'a row has another key': {
    account: 'altered',
    finding: 'altered',
    spoil: ({ rows }, at) => rows.set(BigInt(at), { ...rowOf(at), id: 'other' }),
  },
  'a row stands for a record that cannot be read': {
    account: 'altered',
    finding: 'altered',
    spoil: ({ log }, at) => log.set(BigInt(at), { kind: 'undecodable', reason: 'planted' }),
  },
  'a duplicate points at the same event': {
    account: 'duplicateOf',
    finding: 'duplicate',
    spoil: claim((at) => rowOf(at)),
  },
  'a duplicate points at nothing': { suspect: true, spoil: claim(() => undefined) },
  'a duplicate points at another body': {
    suspect: true,
    spoil: claim((at) => ({ ...rowOf(at), payloadHash: 'other' })),
  },
  'a duplicate points at another event': { suspect: true, spoil: claim((at) => ({ ...rowOf(at), id: 'other' })) },
  'an unreadable record is quarantined': {
    account: 'quarantined',
    spoil: ({ rows, log, quarantined }, at) => {
      rows.delete(BigInt(at));
      log.set(BigInt(at), { kind: 'undecodable', reason: 'planted' });
      quarantined.set(BigInt(at), { refusedAgain: false });
    },
  },
  'a record that the database refuses is quarantined': {
    account: 'quarantined',
    spoil: ({ rows, quarantined }, at) => {
      rows.delete(BigInt(at));
      quarantined.set(BigInt(at), { refusedAgain: true });
    },
  },
  'a sound record is quarantined': {
    suspect: true,
    spoil: ({ rows, quarantined }, at) => {
      rows.delete(BigInt(at));
      quarantined.set(BigInt(at), { refusedAgain: false });
    },
  },
  'an unreadable record is nowhere': { suspect: true, spoil: onLog({ kind: 'undecodable', reason: 'planted' }) },
  'a row was purged': {
    account: 'purged',
    spoil: ({ rows, purged }, at) => {
      rows.delete(BigInt(at));
      purged.push({ lower: BigInt(at), upper: BigInt(at + 1) });
    },
  },
  'a duplicate points at a row that was purged': {
    account: 'purged',
    spoil: claim(
      () => undefined,
      (at) => `key ${at}`,
    ),
  },
  'a duplicate points at a row of another event that was purged': {
    suspect: true,
    spoil: claim(
      () => undefined,
      () => 'other',
    ),
  },
  'a control record': { account: 'control', spoil: onLog({ kind: 'control' }) },
  'aborted data': { account: 'aborted', spoil: onLog({ kind: 'aborted' }) },
  'aborted data that was stored': {
    account: 'aborted',
    finding: 'extra',
    extra: true,
    spoil: ({ log }, at) => log.set(BigInt(at), { kind: 'aborted' }),
  },
  'a hole in the log': {
    finding: 'hole',
    spoil: ({ rows, log }, at) => {
      rows.delete(BigInt(at));
      log.delete(BigInt(at));
    },
  },
};

describe('one spoiled offset', () => {
  test.each(Object.entries(SPOILERS))(
    'is found and nothing else is: %s',
    (_name, { spoil, account, finding, suspect, extra }) => {
      for (const at of [0, 17, LENGTH - 1]) {
        const world = new World();
        spoil(world, at);
        const { counts, findings, suspects, extra: extras } = world.classify();
        const expected = { ...noAccounts(), stored: LENGTH - 1 };
        if (account !== undefined) expected[account] += 1;
        expect(counts).toEqual(expected);
        expect(suspects.map(({ offset }) => offset)).toEqual(suspect === true ? [BigInt(at)] : []);
        expect(findings.map(({ kind, offset }) => [kind, offset])).toEqual(
          finding === undefined ? [] : [[finding, at]],
        );
        expect(extras).toBe(extra === true ? 1 : 0);
      }
    },
  );

  test('is told with its place, its stage and the names that the log has for it', () => {
    const world = new World();
    world.rows.delete(5n);
    world.rows.set(6n, { ...rowOf(6), payloadHash: 'other' });
    const { suspects, findings } = world.classify();
    expect(suspects[0]?.finding).toEqual({
      ...AT,
      ...{ kind: 'missing', stage: 'log-to-stored', offset: 5, eventKey: 'key 5', receivedAt: 0 },
      ...{ id: 'm5', detail: 'no row' },
    });
    expect(findings[0]).toMatchObject({ kind: 'altered', offset: 6, id: 'm6' });
  });

  test('says which claim had no proof', () => {
    const world = new World();
    for (const [name, at] of [
      ['a duplicate points at nothing', 1],
      ['a sound record is quarantined', 2],
    ] as const) {
      SPOILERS[name]?.spoil(world, at);
    }
    expect(world.classify().suspects.map(({ finding }) => finding.detail)).toEqual([
      expect.stringContaining('duplicate'),
      expect.stringContaining('quarantined'),
    ]);
  });
});

describe('every offset', () => {
  test('is in exactly one account, suspect, or a hole, and each claim is judged by its own proof', () => {
    const name = fc.constantFrom(...Object.keys(SPOILERS));
    const plan = fc.dictionary(fc.nat(LENGTH - 1).map(String), name, { maxKeys: LENGTH });
    fc.assert(
      fc.property(plan, (spoiled) => {
        const world = new World();
        const expected = { ...noAccounts(), stored: LENGTH };
        const suspectOffsets: bigint[] = [];
        let [holes, extras] = [0, 0];
        for (const [text, spoilerName] of Object.entries(spoiled)) {
          const spoiler = SPOILERS[spoilerName] as Spoiler;
          spoiler.spoil(world, Number(text));
          expected.stored -= 1;
          if (spoiler.account !== undefined) expected[spoiler.account] += 1;
          if (spoiler.suspect === true) suspectOffsets.push(BigInt(text));
          if (spoiler.finding === 'hole') holes += 1;
          if (spoiler.extra === true) extras += 1;
        }
        const { counts, suspects, findings, extra } = world.classify();
        const sum = ACCOUNTS.reduce((total, account) => total + counts[account], 0);
        expect(sum + suspects.length + holes).toBe(LENGTH);
        expect(counts).toEqual(expected);
        expect(suspects.map(({ offset }) => offset)).toEqual(suspectOffsets.sort((a, b) => Number(a - b)));
        expect([findings.filter(({ kind }) => kind === 'hole').length, extra]).toEqual([holes, extras]);
      }),
      { numRuns: 500 },
    );
  });

  test('of the range is judged, and none outside it', () => {
    const world = new World();
    for (const at of [9, 10, 19, 20]) world.rows.delete(BigInt(at));
    world.rows.set(1_000n, rowOf(1_000));
    const { counts, suspects, extra } = world.classify(10, 20);
    expect([counts.stored, suspects.map(({ offset }) => offset), extra]).toEqual([8, [10n, 19n], 0]);
  });
});
