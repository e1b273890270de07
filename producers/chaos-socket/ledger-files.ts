// Names and ages of the ledger's files. A run writes `ledger-<run>.jsonl`, then `ledger-<run>.2.jsonl` and so on, each
// with its `times-…` companion. Run ids are ULIDs, so names sort by age. Pure.

export interface LedgerPart {
  readonly run: string;
  /** From 1. */
  readonly part: number;
}

const NAME = /^ledger-([0-9A-Z]{26})(?:\.(\d{1,9}))?\.jsonl$/;

export function ledgerFile({ run, part }: LedgerPart): string {
  return part === 1 ? `ledger-${run}.jsonl` : `ledger-${run}.${part}.jsonl`;
}

export function timesFile(part: LedgerPart): string {
  return ledgerFile(part).replace('ledger-', 'times-');
}

/** The ledger parts to remove from a folder's listing so that the newest `keep` stay; other files are none of ours. */
export function partsToRemove(fileNames: readonly string[], keep: number): readonly LedgerPart[] {
  const parts = fileNames.flatMap((name) => {
    const [, run, part] = NAME.exec(name) ?? [];
    return run === undefined ? [] : [{ run, part: Number(part ?? 1) }];
  });
  parts.sort((a, b) => (a.run === b.run ? b.part - a.part : a.run < b.run ? 1 : -1));
  return parts.slice(keep);
}
