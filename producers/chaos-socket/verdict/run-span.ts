// Whose a row is that no frame of the ledger explains: of this run, which never sent it, or of others, who may have sent what they like.
// Pure. What a row says of its run goes first, its stream or an id of the simulator's own; then when it was received, beside the
// times of the run. What may be of this run and of the time of the ledger is never anybody else's.
import type { ExportedRow } from './exported-row.ts';
import type { LedgerLine } from './ledger-line.ts';

export type Belonging =
  | 'this run'
  | 'another source'
  | 'another run'
  | 'before the run'
  | 'after the ledger'
  | 'unknown';

/** So far the clocks of two machines may differ that keep them right: the simulator's and the communicator's. */
const CLOCKS_DIFFER_MS = 1_000;
/** The stream of a source that counts names its run. */
const STREAM = /^chaos-([0-9A-Z]{26})\//;
/** The ids of the frame writer: four of their letters are the last four of the run. */
const ID = /^msg_\d+_([0-9a-z]{4})[0-9a-z]{5}(?:_read)?$/;

export class RunSpan {
  readonly #runs = new Set<string>();
  readonly #letters = new Set<string>();
  readonly #streams = new Set<string>();
  #beganMs = Number.POSITIVE_INFINITY;
  #untilMs: number | undefined;
  #isEnded = false;
  #isRecording = false;

  add(line: LedgerLine): void {
    if (!this.#runs.has(line.run)) this.#begin(line.run);
    if (line.line === 'until') {
      this.#untilMs = Math.max(this.#untilMs ?? 0, Date.parse(line.at));
      this.#isEnded ||= line.ended;
    }
    if (line.line !== 'sent' && line.line !== 'withheld') return;
    if (line.stream !== undefined) this.#streams.add(line.stream);
    // What it sends has the ids of whoever was recorded.
    if (line.line === 'sent' && line.origin === 'recording') this.#isRecording = true;
  }

  get runs(): number {
    return this.#runs.size;
  }

  get isRecording(): boolean {
    return this.#isRecording;
  }

  /** Whether a row was received before the run began; false where nobody knows. */
  isBefore({ receivedAtMs }: ExportedRow): boolean {
    return receivedAtMs !== undefined && receivedAtMs < this.#beganMs;
  }

  /** Of a row that the ledger does not know. `isAcknowledged`: it has said that the peer keeps the event of this number. */
  belongingOf(row: ExportedRow, isAcknowledged: boolean): Belonging {
    const said = this.#said(row);
    if (said === 'another source' || said === 'another run') return said;
    const { receivedAtMs: at } = row;
    if (said === undefined && this.isBefore(row)) return this.#isNear(this.#beganMs, at) ? 'unknown' : 'before the run';
    if (isAcknowledged) return 'this run';
    if (this.#isEnded) return said ?? this.#besideTheEnd(at);
    if (at === undefined || this.#untilMs === undefined) {
      // A number that the ledger has not got to yet.
      return said === 'this run' && row.seq !== undefined ? 'after the ledger' : 'unknown';
    }
    return at < this.#untilMs - CLOCKS_DIFFER_MS ? 'this run' : 'after the ledger';
  }

  /**
   * Of a row with the bytes of a frame of this run that has no identity. A run that makes up its frames is the only one with those
   * bytes; a recording may have been sent by others before and after, and only its time tells the row apart.
   */
  belongingOfTwin({ receivedAtMs: at, stream }: ExportedRow): Exclude<Belonging, 'another source'> {
    if (!this.#isRecording || stream !== undefined) return 'this run';
    if (at === undefined || this.#untilMs === undefined) return 'unknown';
    if (at < this.#beganMs) return 'before the run';
    if (at <= this.#untilMs) return 'this run';
    return this.#isEnded ? 'another run' : 'after the ledger';
  }

  /** Whether no difference of the clocks makes a row one of this run. */
  isLongBefore({ receivedAtMs: at }: ExportedRow): boolean {
    return at !== undefined && at < this.#beganMs - CLOCKS_DIFFER_MS;
  }

  #begin(run: string): void {
    this.#runs.add(run);
    this.#letters.add(run.slice(-4).toLowerCase());
    this.#beganMs = Math.min(this.#beganMs, beganMsOf(run));
  }

  #said({ stream, id }: ExportedRow): 'this run' | 'another run' | 'another source' | undefined {
    if (stream !== undefined) {
      if (this.#streams.has(stream)) return 'this run';
      const run = STREAM.exec(stream)?.[1];
      if (run === undefined) return 'another source';
      return this.#runs.has(run) ? 'this run' : 'another run';
    }
    const letters = this.#isRecording ? undefined : ID.exec(id ?? '')?.[1];
    if (letters === undefined) return undefined;
    return this.#letters.has(letters) ? 'this run' : 'another run';
  }

  /** Of a row that says nothing of its run, beside a ledger to which nothing comes any more. */
  #besideTheEnd(at: number | undefined): Belonging {
    if (at === undefined || this.#untilMs === undefined || this.#isNear(this.#untilMs, at)) return 'unknown';
    return at > this.#untilMs ? 'another run' : 'this run';
  }

  /** So near to a time of the run that the difference of the clocks decides. */
  #isNear(timeMs: number, at: number | undefined): boolean {
    return at !== undefined && Math.abs(at - timeMs) <= CLOCKS_DIFFER_MS;
  }
}

const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;
const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** The first ten letters of a run's id are the time at which it began. Of another id nobody knows: nothing is before it. */
function beganMsOf(run: string): number {
  if (!ULID.test(run)) return Number.NEGATIVE_INFINITY;
  let ms = 0;
  for (const letter of run.slice(0, 10)) ms = ms * DIGITS.length + DIGITS.indexOf(letter);
  return ms;
}
