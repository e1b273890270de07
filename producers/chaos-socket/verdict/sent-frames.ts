// A ledger, put in order for questions: which frames there are, how many rows each may have, which fault was behind it,
// what the peer has acknowledged, which connections have ended. Pure. Frames with the same bytes from the same source are
// one group: nothing can tell their rows apart.
import type { ExportedRow } from './exported-row.ts';
import type { Expectation, LedgerLine, SentLine, WithheldLine } from './ledger-line.ts';

interface Sending {
  readonly connectionId: string;
  readonly n: number;
}

export interface SentGroup {
  readonly source: string;
  readonly sha256: string;
  readonly id: string | undefined;
  readonly chat: string | undefined;
  readonly numbers: readonly { readonly stream: string; readonly epoch: string; readonly seq: number }[];
  readonly sendings: readonly Sending[];
  readonly expect: Expectation;
  readonly rowsMin: number;
  readonly rowsMax: number;
  readonly explanation: string | undefined;
}

export class SentFrames {
  readonly groups: readonly SentGroup[];
  readonly framesSent: number;
  readonly framesWithheld: number;
  /** How often each fault struck. */
  readonly firings: Readonly<Record<string, number>>;
  /** What keeps this ledger from being the whole truth. */
  readonly doubts: readonly string[];
  readonly #byKey = new Map<string, SentGroup>();
  #identities: ReadonlyMap<string, SentGroup> | undefined;
  readonly #sources = new Set<string>();
  readonly #ended = new Set<string>();
  readonly #acked = new Set<string>();
  readonly #refused = new Map<string, number>();
  readonly #ackedUpTo = new Map<string, number>();

  constructor(ledger: Iterable<LedgerLine>) {
    const drafts = new Map<string, (SentLine | WithheldLine)[]>();
    const faultOf = new Map<number, string>();
    const firings: Record<string, number> = {};
    const runs = new Set<string>();
    const lastN = new Map<string, number>();
    const holes = new Set<string>();
    let sent = 0;
    let withheld = 0;
    for (const line of ledger) {
      runs.add(line.run);
      if (line.line === 'fault') {
        faultOf.set(line.firing, line.fault);
        firings[line.fault] = (firings[line.fault] ?? 0) + 1;
      } else if (line.line === 'closed') this.#ended.add(line.connectionId);
      else if (line.line === 'acked') this.#acknowledge(line);
      else if (line.line === 'refused') this.#refused.set(numberKey(line), line.code);
      else if (line.line === 'sent' || line.line === 'withheld') {
        this.#sources.add(line.source);
        const key = keyOf(line.source, line.sha256);
        const draft = drafts.get(key);
        if (draft === undefined) drafts.set(key, [line]);
        else draft.push(line);
        if (line.line === 'withheld') withheld += 1;
        else {
          sent += 1;
          if (line.n !== (lastN.get(line.connectionId) ?? 0) + 1) holes.add(line.connectionId);
          lastN.set(line.connectionId, line.n);
        }
      }
    }
    // A ledger may have a million lines: each is let go of once its group is made.
    for (const [key, draft] of drafts) {
      this.#byKey.set(key, groupOf(draft, faultOf));
      drafts.delete(key);
    }
    this.groups = [...this.#byKey.values()];
    this.framesSent = sent;
    this.framesWithheld = withheld;
    this.firings = firings;
    this.doubts = [
      ...(sent === 0 ? ['the ledger holds no frame that was sent'] : []),
      ...(runs.size > 1 ? [`the ledger mixes ${runs.size} runs`] : []),
      ...[...holes].map((one) => `the ledger has lost lines of ${one}: older files were removed`),
    ];
  }

  get expectedRows(): number {
    return this.groups.reduce((sum, { rowsMin }) => sum + rowsMin, 0);
  }

  knowsSource(path: string): boolean {
    return this.#sources.has(path);
  }

  hasEnded(connectionId: string): boolean {
    return this.#ended.has(connectionId);
  }

  group(source: string, sha256: string): SentGroup | undefined {
    return this.#byKey.get(keyOf(source, sha256));
  }

  /** The frame that a row claims to be: by the source's own count, else by its id. */
  byIdentity({ stream, epoch, seq, id }: ExportedRow): SentGroup | undefined {
    if (stream !== undefined && epoch !== undefined && seq !== undefined) {
      return this.#byIdentity.get(numberKey({ stream, epoch, seq }));
    }
    return id === undefined ? undefined : this.#byIdentity.get(idKey(id));
  }

  /** The code with which the peer has refused it for good; it then keeps it as a rejected frame. */
  refusalOf({ numbers }: SentGroup): number | undefined {
    return numbers.map((one) => this.#refused.get(numberKey(one))).find((code) => code !== undefined);
  }

  isAcknowledged({ numbers }: SentGroup): boolean {
    return numbers.some(
      (one) =>
        this.#acked.has(numberKey(one)) || one.seq <= (this.#ackedUpTo.get(epochKey(one.stream, one.epoch)) ?? 0),
    );
  }

  #acknowledge({ stream, epoch, upto = 0, at = [] }: Extract<LedgerLine, { line: 'acked' }>): void {
    const key = epochKey(stream, epoch);
    this.#ackedUpTo.set(key, Math.max(this.#ackedUpTo.get(key) ?? 0, upto));
    for (const seq of at) this.#acked.add(numberKey({ stream, epoch, seq }));
  }

  /** Made when it is first asked for: a perfect run has no row that needs it. */
  get #byIdentity(): ReadonlyMap<string, SentGroup> {
    return (this.#identities ??= identitiesOf(this.groups));
  }
}

/** The first body of an identity is the original; a planned conflict comes behind it. */
function identitiesOf(groups: readonly SentGroup[]): ReadonlyMap<string, SentGroup> {
  const found = new Map<string, SentGroup>();
  for (const group of groups) {
    const ofId = group.id === undefined ? [] : [idKey(group.id)];
    for (const identity of [...group.numbers.map(numberKey), ...ofId]) {
      if (!found.has(identity)) found.set(identity, group);
    }
  }
  return found;
}

function groupOf(all: readonly (SentLine | WithheldLine)[], faultOf: ReadonlyMap<number, string>): SentGroup {
  const expectOf = (line: SentLine | WithheldLine) => (line.line === 'sent' ? (line.expect ?? 'stored') : 'stored');
  // The same bytes may go out as a text and, to be refused, as a binary frame: only the first has a row.
  const wanted = all.filter((line) => expectOf(line) !== 'rejected');
  const lines = wanted.length === 0 ? all : wanted;
  const [first] = lines as [SentLine | WithheldLine];
  const sent = lines.filter((line) => line.line === 'sent');
  const expects = lines.map(expectOf);
  const expect = (['stored', 'conflict', 'rejected'] as const).find((one) => expects.includes(one)) ?? 'duplicate';
  const firing = lines.find((line) => line.firing !== undefined)?.firing;
  return {
    source: first.source,
    sha256: first.sha256,
    id: first.id,
    chat: first.chat,
    numbers: lines.flatMap(({ stream, epoch, seq }) =>
      stream === undefined || epoch === undefined || seq === undefined ? [] : [{ stream, epoch, seq }],
    ),
    sendings: sent.map(({ connectionId, n }) => ({ connectionId, n })),
    expect,
    ...rowsOf(first, sent.length, expect),
    explanation: firing === undefined ? undefined : (faultOf.get(firing) ?? `firing ${firing}`),
  };
}

/** A frame with an identity is stored once however often it comes; one without is a frame of its own each time. */
function rowsOf(
  { id, seq }: SentLine | WithheldLine,
  sendings: number,
  expect: Expectation,
): { rowsMin: number; rowsMax: number } {
  if (expect === 'rejected') return { rowsMin: 0, rowsMax: 0 };
  // The same event under another number: whether it gets a row is for whoever stores it to say.
  if (expect === 'duplicate') return { rowsMin: 0, rowsMax: 1 };
  const rows = id === undefined && seq === undefined ? Math.max(1, sendings) : 1;
  return { rowsMin: rows, rowsMax: rows };
}

const keyOf = (source: string, sha256: string): string => `${sha256} ${source}`;
const epochKey = (stream: string, epoch: string): string => JSON.stringify([stream, epoch]);
const numberKey = (one: { stream: string; epoch: string; seq: number }): string =>
  JSON.stringify([one.stream, one.epoch, one.seq]);
const idKey = (id: string): string => JSON.stringify([id]);
