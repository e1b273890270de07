// A ledger, put in order for questions: which frames there are, how many rows each may have, which fault was behind it,
// what the peer has acknowledged, which connections have ended. Pure. Lines are added one by one and not kept: what stays is the
// frame table, and what was said about numbers and connections. Questions come when all lines are there.
import { Column } from './column.ts';
import { ContentIndex, hashOfText } from './content-index.ts';
import type { ExportedRow } from './exported-row.ts';
import { epochKey, FrameTable, type Mention } from './frame-table.ts';
import { HandledReplies } from './handled-replies.ts';
import type { Expectation, LedgerLine, SentLine } from './ledger-line.ts';
import { NumberSet } from './number-set.ts';
import { ReplyArrivals } from './reply-arrivals.ts';
import { RunSpan } from './run-span.ts';

/** What must become of the frames of a group. */
export interface Fate {
  readonly expect: Expectation;
  readonly rowsMin: number;
  readonly rowsMax: number;
  /** How often it was sent. */
  readonly sendings: number;
}

interface Epoch {
  readonly acked: NumberSet;
  upto: number;
  readonly refused: Map<number, number>;
}

export class SentFrames {
  readonly frames = new FrameTable();
  readonly arrivals = new ReplyArrivals();
  readonly replies = new HandledReplies();
  readonly span = new RunSpan();
  /** How often each fault struck. */
  readonly firings: Record<string, number> = {};
  #sent = 0;
  #withheld = 0;
  readonly #faultOf = new Map<number, string>();
  readonly #lastN = Column.words();
  readonly #holes = new Set<string>();
  readonly #ended = new Set<string>();
  readonly #epochs = new Map<string, Epoch>();
  #ofId: ContentIndex | undefined;
  #ofNumber: ContentIndex | undefined;

  constructor(ledger: Iterable<LedgerLine> = []) {
    for (const line of ledger) this.add(line);
  }

  add(line: LedgerLine): void {
    this.span.add(line);
    switch (line.line) {
      case 'fault':
        this.#faultOf.set(line.firing, line.fault);
        this.firings[line.fault] = (this.firings[line.fault] ?? 0) + 1;
        return;
      case 'closed':
        this.#ended.add(line.connectionId);
        return;
      case 'acked': {
        const epoch = this.#epoch(line);
        epoch.upto = Math.max(epoch.upto, line.upto ?? 0);
        for (const seq of line.at ?? []) epoch.acked.add(seq);
        return;
      }
      case 'refused':
        this.#epoch(line).refused.set(line.seq, line.code);
        return;
      case 'reply':
        this.arrivals.add(line);
        return;
      case 'handled':
        this.arrivals.acknowledged(line);
        this.replies.add(line);
        return;
      case 'heard':
        this.replies.heard(line);
        return;
      case 'until':
        return;
      case 'withheld':
        this.#withheld += 1;
        this.frames.add(line);
        return;
      case 'sent':
        this.#sent += 1;
        this.frames.add(line);
        this.#inOrder(line);
        return;
    }
  }

  get framesSent(): number {
    return this.#sent;
  }

  get framesWithheld(): number {
    return this.#withheld;
  }

  /** What keeps this ledger from being the whole truth. */
  get doubts(): readonly string[] {
    return [
      ...(this.#sent === 0 ? ['the ledger holds no frame that was sent'] : []),
      ...(this.span.runs > 1 ? [`the ledger mixes ${this.span.runs} runs`] : []),
      ...[...this.#holes].map((one) => `the ledger has lost lines of ${one}: older files were removed`),
    ];
  }

  /** Rows over all frames: how many there must be, how many there may be, and how many of the first were never sent. */
  get rows(): { readonly min: number; readonly max: number; readonly neverSent: number } {
    let [min, max, neverSent] = [0, 0, 0];
    for (let group = 0; group < this.frames.groups; group++) {
      const fate = this.fateOf(group);
      min += fate.rowsMin;
      max += fate.rowsMax;
      if (fate.sendings === 0) neverSent += fate.rowsMin;
    }
    return { min, max, neverSent };
  }

  /** The number of the group of a row's bytes. */
  group(path: string, sha256: string): number | undefined {
    const source = this.frames.sources.find(path);
    return source === undefined ? undefined : this.frames.find(source, sha256);
  }

  fateOf(group: number): Fate {
    let [wanted, sendings] = [0, 0];
    let isNumbered = false;
    let expect: Expectation = 'duplicate';
    for (const mention of this.frames.mentionsOf(group)) {
      // The same bytes may go out as a text and, to be refused, as a binary frame: only the first has a row.
      if (mention.expect === 'rejected') continue;
      if (wanted++ === 0) isNumbered = mention.epoch !== undefined;
      if (mention.isSent) sendings += 1;
      if (mention.expect === 'stored' || expect === 'duplicate') expect = mention.expect;
    }
    if (wanted === 0) return { expect: 'rejected', rowsMin: 0, rowsMax: 0, sendings };
    // The same event under another number: whether it gets a row is for whoever stores it to say.
    if (expect === 'duplicate') return { expect, rowsMin: 0, rowsMax: 1, sendings };
    // A frame with an identity is stored once however often it comes; one without is a frame of its own each time.
    const rows = this.frames.hasId(group) || isNumbered ? 1 : Math.max(1, sendings);
    return { expect, rowsMin: rows, rowsMax: rows, sendings };
  }

  /** Those of its mentions that count: of frames to be refused only where there are no others. */
  mentionsOf(group: number): readonly Mention[] {
    const all = [...this.frames.mentionsOf(group)];
    const wanted = all.filter(({ expect }) => expect !== 'rejected');
    return wanted.length === 0 ? all : wanted;
  }

  /** The fault behind it. */
  explanationOf(group: number): string | undefined {
    const firing = this.mentionsOf(group).find((mention) => mention.firing !== undefined)?.firing;
    return firing === undefined ? undefined : (this.#faultOf.get(firing) ?? `firing ${firing}`);
  }

  hasEnded(connection: number): boolean {
    return this.hasEndedByName(this.frames.connections.name(connection));
  }

  hasEndedByName(connection: string): boolean {
    return this.#ended.has(connection);
  }

  /** The code with which the peer has refused it for good; it then keeps it as a rejected frame. */
  refusalOf(group: number): number | undefined {
    return this.#said(group, ({ refused }, seq) => refused.get(seq));
  }

  isAcknowledged(group: number): boolean {
    return this.#said(group, ({ upto, acked }, seq) => seq <= upto || acked.has(seq) || undefined) ?? false;
  }

  /** Not only by a number above it. */
  isAcknowledgedByName(group: number): boolean {
    return this.#said(group, ({ acked }, seq) => acked.has(seq) || undefined) ?? false;
  }

  /** Whether the peer has said that it keeps the event whose number a row has. */
  hasAcknowledged({ stream, epoch, seq }: ExportedRow): boolean {
    if (stream === undefined || epoch === undefined || seq === undefined) return false;
    const said = this.#epochs.get(epochKey(stream, epoch));
    return said !== undefined && (seq <= said.upto || said.acked.has(seq));
  }

  /** The frame that a row claims to be: by the source's own count, else by its id. The first body of an identity is the original. */
  byIdentity({ stream, epoch, seq, id }: ExportedRow): number | undefined {
    if (stream !== undefined && epoch !== undefined && seq !== undefined) {
      const known = this.frames.epochs.find(epochKey(stream, epoch));
      return known === undefined ? undefined : this.#byNumber({ epoch: known, seq });
    }
    return id === undefined ? undefined : this.#byId(id);
  }

  #said<T>(group: number, ask: (epoch: Epoch, seq: number) => T | undefined): T | undefined {
    for (const { epoch, seq } of this.mentionsOf(group)) {
      const said = epoch === undefined ? undefined : this.#epochs.get(this.frames.epochs.name(epoch));
      const answer = said && ask(said, seq);
      if (answer !== undefined) return answer;
    }
    return undefined;
  }

  #epoch({ stream, epoch }: { readonly stream: string; readonly epoch: string }): Epoch {
    const key = epochKey(stream, epoch);
    const known = this.#epochs.get(key);
    if (known !== undefined) return known;
    const fresh = { acked: new NumberSet(), upto: 0, refused: new Map<number, number>() };
    this.#epochs.set(key, fresh);
    return fresh;
  }

  #inOrder({ connectionId, n }: SentLine): void {
    const connection = this.frames.connections.number(connectionId);
    while (this.#lastN.length <= connection) this.#lastN.push(0);
    if (n !== this.#lastN.at(connection) + 1) this.#holes.add(connectionId);
    this.#lastN.set(connection, n);
  }

  /** Made when they are first asked for: a perfect run has no row that needs them. */
  #byId(id: string): number | undefined {
    const { frames } = this;
    const find = (index: ContentIndex, text: string) =>
      index.find(hashOfText(text), (group) => frames.idOf(group) === text);
    if (this.#ofId === undefined) {
      this.#ofId = new ContentIndex((group) => hashOfText(frames.idOf(group) ?? ''));
      for (let group = 0; group < frames.groups; group++) {
        const own = frames.idOf(group);
        if (own !== undefined && find(this.#ofId, own) === undefined) this.#ofId.add(group);
      }
    }
    return find(this.#ofId, id);
  }

  #byNumber(number: Numbered): number | undefined {
    const { frames } = this;
    const find = (index: ContentIndex, { epoch, seq }: Numbered) =>
      index.find(hashOfNumber({ epoch, seq }), (mention) => {
        const other = frames.numberOfMention(mention);
        return other?.epoch === epoch && other.seq === seq;
      });
    if (this.#ofNumber === undefined) {
      // By mention, not by group: the same frame may have been sent under several numbers.
      this.#ofNumber = new ContentIndex((mention) => hashOfNumber(frames.numberOfMention(mention) ?? NO_NUMBER));
      for (let mention = 0; mention < frames.mentions; mention++) {
        const own = frames.numberOfMention(mention);
        if (own !== undefined && find(this.#ofNumber, own) === undefined) this.#ofNumber.add(mention);
      }
    }
    const mention = find(this.#ofNumber, number);
    return mention === undefined ? undefined : frames.groupOfMention(mention);
  }
}

interface Numbered {
  readonly epoch: number;
  readonly seq: number;
}

const NO_NUMBER: Numbered = { epoch: 0, seq: 0 };

function hashOfNumber({ epoch, seq }: Numbered): number {
  return Math.imul(epoch + 1, 0x85ebca6b) ^ seq;
}
