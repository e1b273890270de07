// The verdict: a ledger of what was sent beside the rows that were stored. Pure. Every frame of the ledger and every row
// ends in one account, and each deviation is either explained, by a planned fault or by the end of a connection, or it is
// not; what is not explained is a finding, whatever it is. Rows are taken one by one and not kept, those without a frame apart.
import { type ExportedRow, pathOf } from './exported-row.ts';
import { type Deviation, type DeviationKind, Findings, type Tally } from './findings.ts';
import { DeliveredRows, isDelivered } from './handled-replies.ts';
import type { LedgerLine } from './ledger-line.ts';
import { findReordered } from './order.ts';
import type { Belonging } from './run-span.ts';
import { SentFrames } from './sent-frames.ts';
import { StoredRows } from './stored-rows.ts';

export interface ChaosVerdict {
  readonly verdict: 'pass' | 'inconclusive' | 'fail';
  /** Why it is inconclusive. */
  readonly doubts: readonly string[];
  readonly frames: { readonly sent: number; readonly withheld: number; readonly expectedRows: number };
  readonly rows: {
    readonly compared: number;
    readonly matched: number;
    /** These are left out: nothing of this ledger is said of them. */
    readonly ofOtherSources: number;
    readonly ofOtherRuns: number;
    readonly afterLedger: number;
    /** Left out as well, and a doubt: nobody can tell whether they are of this run. */
    readonly undecided: number;
  };
  readonly replies: {
    readonly received: number;
    /** How often one came that had come before. Where it may not, that is the deviation `repeated`. */
    readonly cameAgain: number;
    readonly acknowledged: number;
    /** Those of which the gateway has said, with a pong, that the log has their evidence. */
    readonly heard: number;
    /** Those of which the gateway's `delivered` event is stored. */
    readonly delivered: number | undefined;
  };
  readonly deviations: Readonly<Record<DeviationKind, Tally>>;
  /** Planned conflicts whose row is there without the flag that tells readers. */
  readonly conflictsNotFlagged: number;
  readonly firings: Readonly<Record<string, number>>;
  readonly unexplained: number;
  /** The first thousands of each kind; `deviations` counts all. */
  readonly findings: readonly Deviation[];
  readonly findingsLeftOut: number;
}

export function judge(ledger: Iterable<LedgerLine>, rows: Iterable<ExportedRow>): ChaosVerdict {
  const comparison = new RowComparison(new SentFrames(ledger));
  for (const row of rows) comparison.add(row);
  return comparison.verdict();
}

/** A row whose bytes nobody sent, under the identity of a frame. */
interface SecondBody {
  readonly original: number;
  readonly id: string | undefined;
  readonly sha256: string;
}

export class RowComparison {
  readonly #sent: SentFrames;
  readonly #rows: StoredRows;
  readonly #delivered: DeliveredRows;
  readonly #findings = new Findings();
  readonly #secondBodies: SecondBody[] = [];
  readonly #leftOut: Record<Exclude<Belonging, 'this run'>, number> = {
    'another source': 0,
    'another run': 0,
    'before the run': 0,
    'after the ledger': 0,
    unknown: 0,
  };
  #matched = 0;
  #strangers = 0;
  /** Rows of this run's frames that were received before it began. */
  #impossible = 0;
  /** Frames of a recording with a row from just before the run or from after it, which may be theirs. */
  readonly #perhaps = new Set<number>();
  /** Of those the ones that have too few rows of the time of the run. */
  #lostPerhaps = 0;

  /** The ledger must be complete. */
  constructor(sent: SentFrames) {
    this.#sent = sent;
    this.#rows = new StoredRows(sent.frames.groups);
    this.#delivered = new DeliveredRows(sent.replies);
  }

  add(row: ExportedRow): void {
    const path = pathOf(row.source);
    if (path === undefined || this.#sent.frames.sources.find(path) === undefined) {
      this.#leftOut['another source'] += 1;
      return;
    }
    const group = this.#sent.group(path, row.sha256);
    if (group !== undefined) this.#found(group, row);
    else if (!isDelivered(row)) this.#stranger(row, path);
    else if (this.#delivered.add(row, path, this.#findings)) this.#matched += 1;
    else this.#foreign(row, path, 'the delivered event of a reply that this source has never acknowledged');
  }

  /** Once, when all rows are there. */
  verdict(): ChaosVerdict {
    const sent = this.#sent;
    const missing = this.#missing();
    this.#judgeSecondBodies(missing);
    findReordered(sent.frames, this.#rows, this.#findings);
    const conflictsNotFlagged = this.#judgeConflicts();
    this.#judgeLost(missing);
    this.#delivered.judge((connection) => sent.hasEndedByName(connection), this.#findings);
    sent.arrivals.judge(this.#findings);
    const { unexplained, tallies, kept, leftOut: findingsLeftOut } = this.#findings;
    const doubts = [...sent.doubts, ...this.#doubts];
    const leftOut = this.#leftOut;
    return {
      verdict: unexplained > 0 ? 'fail' : doubts.length > 0 ? 'inconclusive' : 'pass',
      doubts,
      frames: { sent: sent.framesSent, withheld: sent.framesWithheld, expectedRows: sent.rows.min },
      rows: {
        compared: this.#matched + this.#strangers,
        matched: this.#matched,
        ofOtherSources: leftOut['another source'],
        ofOtherRuns: leftOut['another run'] + leftOut['before the run'],
        afterLedger: leftOut['after the ledger'],
        undecided: leftOut.unknown,
      },
      replies: {
        received: sent.arrivals.received,
        cameAgain: sent.arrivals.cameAgain,
        acknowledged: sent.replies.all.length,
        heard: sent.replies.heardOf,
        delivered: this.#delivered.count,
      },
      deviations: tallies,
      conflictsNotFlagged,
      firings: sent.firings,
      unexplained,
      findings: kept,
      findingsLeftOut,
    };
  }

  get #doubts(): readonly string[] {
    const { unknown, 'before the run': before } = this.#leftOut;
    return [
      ...(unknown > 0
        ? [
            `${unknown} rows do not say of which run they are, and came within a second of its begin or end, or the ledger does not ` +
              'say until when it goes, or the export when they came: take the ledger from /api/ledger, then export again',
          ]
        : []),
      ...(before > 0 && this.#impossible > 0
        ? [
            `the clocks differ: ${this.#impossible} rows of this run were received before it began; ` +
              `of the ${before} that are left out as earlier some may be its own`,
          ]
        : []),
      ...(this.#lostPerhaps > 0
        ? [
            `${this.#lostPerhaps} frames of a recording have no row of the time of the run, and one of just before or of after it: ` +
              'whether that is theirs or of another run of the same recording nobody can tell',
          ]
        : []),
    ];
  }

  #found(group: number, row: ExportedRow): void {
    const { frames, span } = this.#sent;
    const belonging = frames.hasId(group) ? 'this run' : span.belongingOfTwin(row);
    const { rowsMax } = this.#sent.fateOf(group);
    if (belonging !== 'this run') {
      this.#leftOut[belonging] += 1;
      const isTaken = belonging === 'unknown' && this.#rows.of(group) < rowsMax;
      if (!isTaken && !span.isLongBefore(row)) this.#perhaps.add(group);
      if (!isTaken) return;
    }
    this.#matched += 1;
    // An event that is recorded with its id has one row, whoever brought it first.
    if (span.isBefore(row) && !span.isRecording) this.#impossible += 1;
    const nth = this.#rows.add(group, row);
    if (nth <= rowsMax) return;
    this.#findings.add('duplicated', undefined, () => ({
      ...this.#sent.frames.about(group),
      detail: `stored ${rowsMax === 0 ? '' : 'again '}at offset ${row.offset}${rowsMax === 0 ? ', had to be refused' : ''}`,
    }));
  }

  /** A row whose bytes nobody sent: of a known identity, or something foreign. */
  #stranger(row: ExportedRow, source: string): void {
    const { id, sha256, seq } = row;
    // Another run may have given the same id, not the same number.
    const isEarlier = seq === undefined && this.#sent.span.isBefore(row);
    const original = isEarlier ? undefined : this.#sent.byIdentity(row);
    if (original === undefined) this.#foreign(row, source, `a row of ${row.source} that was never sent`);
    else {
      this.#strangers += 1;
      this.#secondBodies.push({ original, id, sha256 });
    }
  }

  /** A row that the ledger does not know: a finding unless it is of somebody else, or may be of after the ledger. */
  #foreign(row: ExportedRow, source: string, detail: string): void {
    const belonging = this.#sent.span.belongingOf(row, this.#sent.hasAcknowledged(row));
    if (belonging !== 'this run') {
      this.#leftOut[belonging] += 1;
      return;
    }
    this.#strangers += 1;
    const { id, sha256 } = row;
    this.#findings.add('alien', undefined, () => ({ source, id, sha256, detail }));
  }

  /** For each frame whether rows of it are missing. */
  #missing(): Uint8Array {
    const { frames } = this.#sent;
    const missing = new Uint8Array(frames.groups);
    for (let group = 0; group < frames.groups; group++) {
      if (this.#rows.of(group) < this.#sent.fateOf(group).rowsMin) missing[group] = 1;
    }
    return missing;
  }

  /** An altered frame where the original has no row, else a conflict. */
  #judgeSecondBodies(missing: Uint8Array): void {
    for (const { original, id, sha256 } of this.#secondBodies) {
      const isAltered = missing[original] === 1;
      missing[original] = 0;
      const { source, sha256: sentAs } = this.#sent.frames.about(original);
      const detail = isAltered ? `sent as ${sentAs}` : `a second body beside ${sentAs}`;
      this.#findings.add(isAltered ? 'altered' : 'conflict', undefined, () => ({ source, id, sha256, detail }));
    }
  }

  /** Counts planned ones, and returns how many of them carry no flag. */
  #judgeConflicts(): number {
    const { frames } = this.#sent;
    let notFlagged = 0;
    for (let group = 0; group < frames.groups; group++) {
      if (this.#rows.of(group) === 0 || this.#sent.fateOf(group).expect !== 'conflict') continue;
      if (!this.#rows.isFlagged(group)) notFlagged += 1;
      const detail = 'another body under a known identity';
      this.#findings.add('conflict', this.#sent.explanationOf(group), () => ({ ...frames.about(group), detail }));
    }
    return notFlagged;
  }

  /** The last frame of each connection that has certainly arrived. */
  #lastFound(): Float64Array {
    const { frames } = this.#sent;
    const last = new Float64Array(frames.connections.count);
    for (let group = 0; group < frames.groups; group++) {
      // Of several sendings of one frame nobody knows which one arrived.
      const only = this.#rows.of(group) === 0 ? undefined : frames.onlySending(group);
      if (only !== undefined) last[only.connection] = Math.max(last[only.connection] ?? 0, only.n);
    }
    return last;
  }

  #judgeLost(missing: Uint8Array): void {
    const lastFound = this.#lastFound();
    for (let group = 0; group < missing.length; group++) {
      if (missing[group] === 0) continue;
      if (this.#perhaps.has(group)) this.#lostPerhaps += 1;
      else this.#lost(group, this.#whyLost(group, lastFound));
    }
  }

  #lost(group: number, { detail, explanation }: { detail: string; explanation: string | undefined }): void {
    this.#findings.add('lost', explanation, () => ({ ...this.#sent.frames.about(group), detail }));
  }

  /**
   * TCP loses no frame from the middle: what a broken connection has cost is the end of what was sent on it. So a lost frame
   * behind the last one that arrived is explained by the end of its connection, and one before it is not. A frame that the
   * peer has acknowledged is explained by nothing.
   */
  #whyLost(group: number, lastFound: Float64Array): { detail: string; explanation: string | undefined } {
    const sent = this.#sent;
    const sendings = sent.mentionsOf(group).filter(({ isSent }) => isSent);
    // Acknowledging up to a number passes over those of which the source said that it cannot send them.
    if (sendings.length === 0 && !sent.isAcknowledgedByName(group)) {
      return { detail: 'never sent', explanation: sent.explanationOf(group) };
    }
    if (sent.isAcknowledged(group)) return { detail: 'acknowledged and not stored', explanation: undefined };
    const refusal = sent.refusalOf(group);
    if (refusal !== undefined) return { detail: `refused with ${refusal}`, explanation: 'refused by the peer' };
    const isTail = sendings.every(({ connection, n }) => sent.hasEnded(connection) && n > (lastFound[connection] ?? 0));
    const where = sendings.map(({ connection, n }) => `${sent.frames.connections.name(connection)} frame ${n}`);
    const explanation = isTail ? 'on its way when its connection ended' : undefined;
    return { detail: `sent on ${where.join(', ')}`, explanation };
  }
}
