// Every frame of a ledger in some hundred bytes. Frames with the same bytes from the same source are one group, for nothing can tell
// their rows apart; each line about such a frame is a mention of the group. Groups and mentions are known by their numbers, in the
// order in which they came. Pure.
import { Column } from './column.ts';
import { ContentIndex } from './content-index.ts';
import type { Expectation, SentLine, WithheldLine } from './ledger-line.ts';
import { Names } from './names.ts';
import { TextPool } from './text-pool.ts';

export interface Mention {
  readonly isSent: boolean;
  readonly expect: Expectation;
  readonly connection: number;
  readonly n: number;
  /** Of `epochs`; undefined where the source does not count. */
  readonly epoch: number | undefined;
  readonly seq: number;
  readonly firing: number | undefined;
}

const EXPECTATIONS: readonly Expectation[] = ['stored', 'duplicate', 'conflict', 'rejected'];
const HASH_WORDS = 8;
const NONE = 0;

export class FrameTable {
  readonly sources = new Names();
  readonly connections = new Names();
  readonly chats = new Names();
  /** Stream and epoch, as JSON. */
  readonly epochs = new Names();
  readonly #texts = new TextPool();
  readonly #index = new ContentIndex((group) => this.#hash.at(group * HASH_WORDS) ^ this.#source.at(group));

  // Of a group: its SHA-256, source, id, chat + 1, first and last mention + 1.
  readonly #hash = Column.words();
  readonly #source = Column.words();
  readonly #idStart = Column.numbers();
  /** Bytes + 1; 0 where there is no id. */
  readonly #idBytes = Column.words();
  readonly #chat = Column.words();
  readonly #first = Column.words();
  readonly #last = Column.words();

  // Of a mention: its group, whether it was sent and what is expected, connection, place in it, epoch + 1, number, firing + 1, the next
  // one of its group + 1.
  readonly #group = Column.words();
  readonly #kind = Column.bytes();
  readonly #connection = Column.words();
  readonly #n = Column.words();
  readonly #epoch = Column.words();
  readonly #seq = Column.numbers();
  readonly #firing = Column.words();
  readonly #next = Column.words();

  get groups(): number {
    return this.#source.length;
  }

  get mentions(): number {
    return this.#kind.length;
  }

  /** Adds what a line says; returns the group. */
  add(line: SentLine | WithheldLine): number {
    const source = this.sources.number(line.source);
    const words = wordsOf(line.sha256);
    const group = this.#find(source, words) ?? this.#newGroup(source, words);
    const expect = line.line === 'sent' ? (line.expect ?? 'stored') : 'stored';
    // The same bytes may first go out as a frame that is to be refused, of which nothing is known.
    if (!this.hasId(group)) this.#describe(group, line);
    this.#mention(group, line, expect);
    return group;
  }

  find(source: number, sha256: string): number | undefined {
    return this.#find(source, wordsOf(sha256));
  }

  /** What people want to know of it. */
  about(group: number): { readonly source: string; readonly id: string | undefined; readonly sha256: string } {
    const source = this.sources.name(this.#source.at(group));
    return { source, id: this.idOf(group), sha256: this.sha256Of(group) };
  }

  sha256Of(group: number): string {
    const words = Uint32Array.from({ length: HASH_WORDS }, (_, at) => this.#hash.at(group * HASH_WORDS + at));
    return Buffer.from(words.buffer).toString('hex');
  }

  idOf(group: number): string | undefined {
    const bytes = this.#idBytes.at(group);
    return bytes === NONE ? undefined : this.#texts.text(this.#idStart.at(group), bytes - 1);
  }

  hasId(group: number): boolean {
    return this.#idBytes.at(group) !== NONE;
  }

  /** Of `chats`. */
  chatOf(group: number): number | undefined {
    const chat = this.#chat.at(group);
    return chat === NONE ? undefined : chat - 1;
  }

  /** In the order of the ledger; never none. */
  *mentionsOf(group: number): Iterable<Mention> {
    for (let at = this.#first.at(group); at !== NONE; at = this.#next.at(at - 1)) yield this.#mentionAt(at - 1);
  }

  /** The number of a group's only mention, where there is one and it was sent: by far the most. */
  onlySending(group: number): { readonly connection: number; readonly n: number } | undefined {
    const first = this.#first.at(group) - 1;
    if (this.#next.at(first) !== NONE || (this.#kind.at(first) & 1) === 0) return undefined;
    return { connection: this.#connection.at(first), n: this.#n.at(first) };
  }

  groupOfMention(mention: number): number {
    return this.#group.at(mention);
  }

  /** Undefined where the source did not count. */
  numberOfMention(mention: number): { readonly epoch: number; readonly seq: number } | undefined {
    const epoch = this.#epoch.at(mention);
    return epoch === NONE ? undefined : { epoch: epoch - 1, seq: this.#seq.at(mention) };
  }

  #find(source: number, words: Uint32Array): number | undefined {
    return this.#index.find((words[0] ?? 0) ^ source, (group) => {
      if (this.#source.at(group) !== source) return false;
      for (let at = 0; at < HASH_WORDS; at++) if (this.#hash.at(group * HASH_WORDS + at) !== words[at]) return false;
      return true;
    });
  }

  #newGroup(source: number, words: Uint32Array): number {
    const group = this.groups;
    for (const word of words) this.#hash.push(word);
    this.#source.push(source);
    for (const column of [this.#idStart, this.#idBytes, this.#chat, this.#first, this.#last]) column.push(NONE);
    this.#index.add(group);
    return group;
  }

  #describe(group: number, { id, chat }: SentLine | WithheldLine): void {
    if (chat !== undefined) this.#chat.set(group, this.chats.number(chat) + 1);
    if (id === undefined) return;
    const { start, bytes } = this.#texts.add(id);
    this.#idStart.set(group, start);
    this.#idBytes.set(group, bytes + 1);
  }

  #mention(group: number, line: SentLine | WithheldLine, expect: Expectation): void {
    const isSent = line.line === 'sent';
    const { stream, epoch, seq, firing } = line;
    const isNumbered = stream !== undefined && epoch !== undefined && seq !== undefined;
    this.#group.push(group);
    this.#kind.push((isSent ? 1 : 0) | (EXPECTATIONS.indexOf(expect) << 1));
    this.#connection.push(isSent ? this.connections.number(line.connectionId) : NONE);
    this.#n.push(isSent ? line.n : NONE);
    this.#epoch.push(isNumbered ? this.epochs.number(epochKey(stream, epoch)) + 1 : NONE);
    this.#seq.push(seq ?? NONE);
    this.#firing.push(firing === undefined ? NONE : firing + 1);
    this.#next.push(NONE);
    const mention = this.mentions;
    const last = this.#last.at(group);
    if (last === NONE) this.#first.set(group, mention);
    else this.#next.set(last - 1, mention);
    this.#last.set(group, mention);
  }

  #mentionAt(at: number): Mention {
    const [kind, epoch, firing] = [this.#kind.at(at), this.#epoch.at(at), this.#firing.at(at)];
    return {
      isSent: (kind & 1) === 1,
      expect: EXPECTATIONS[kind >>> 1] ?? 'stored',
      connection: this.#connection.at(at),
      n: this.#n.at(at),
      epoch: epoch === NONE ? undefined : epoch - 1,
      seq: this.#seq.at(at),
      firing: firing === NONE ? undefined : firing - 1,
    };
  }
}

export function epochKey(stream: string, epoch: string): string {
  return JSON.stringify([stream, epoch]);
}

const scratch = new Uint32Array(HASH_WORDS);
const scratchBytes = Buffer.from(scratch.buffer);

/** The bytes of a SHA-256 in hex, as words; good until the next call. */
function wordsOf(sha256: string): Uint32Array {
  scratchBytes.write(sha256, 'hex');
  return scratch;
}
