// The replies of a source that counts, from their coming to the peer's word that it has their acknowledgement. Pure. Nobody acknowledges
// an acknowledgement: the pong to a ping that was sent behind it says that it has arrived, and what none was heard for is said
// again over the next connection. One batch is on its way at a time, so a pong can mean no other. The position behind what came
// lasts as long as this memory does: what a connection has lost comes again over the next one.
//
//   take() ──► next(): said ──► heard(): forgotten
//                ▲ connected() │
//                └─────────────┘
export interface LogPosition {
  readonly log_epoch: string;
  /** Next offset by topic/partition. */
  readonly pos: Readonly<Record<string, number>>;
}

export interface Saying {
  readonly ids: readonly string[];
  /** Dispatches that are done with since the last time: so many more may come. */
  readonly credit: number;
  /** What the pong has to name. */
  readonly batch: number;
}

const IDS_MAX = 500;

export class ReplyInbox {
  readonly #keptMax: number;
  #position: LogPosition | undefined;
  #waiting = new Set<string>();
  #said: readonly string[] = [];
  #batch = 0;
  #toCredit = 0;

  constructor(keptMax: number) {
    this.#keptMax = keptMax;
  }

  /** Where to go on after the next hello; undefined before the first welcome. */
  get position(): LogPosition | undefined {
    return this.#position;
  }

  /** Acknowledgements of which nobody knows that they have arrived. */
  get open(): number {
    return this.#waiting.size + this.#said.length;
  }

  /** A new connection, with a new credit: what was not heard of is said again. */
  connected(): void {
    this.#waiting = new Set([...this.#said, ...this.#waiting]);
    this.#said = [];
    this.#toCredit = 0;
  }

  /** Where the peer says that dispatches go on. */
  goesOnAt(position: LogPosition): void {
    this.#position = position;
  }

  /** False when it has no room: the position stays, so that the reply comes again over another connection. */
  take(id: string | undefined, { log_epoch, pos }: LogPosition): boolean {
    if (id !== undefined && this.open >= this.#keptMax) return false;
    const before = this.#position?.log_epoch === log_epoch ? this.#position.pos : {};
    this.#position = { log_epoch, pos: { ...before, ...pos } };
    this.#toCredit += 1;
    // One that comes again while its acknowledgement is on its way is acknowledged again.
    if (id !== undefined) this.#waiting.add(id);
    return true;
  }

  /** What is to be said now; nothing while the last batch is on its way. */
  next(): Saying | undefined {
    if (this.#said.length > 0 || (this.#waiting.size === 0 && this.#toCredit === 0)) return undefined;
    const ids = [...this.#waiting].slice(0, IDS_MAX);
    for (const id of ids) this.#waiting.delete(id);
    const credit = this.#toCredit;
    this.#toCredit = 0;
    this.#said = ids;
    return { ids, credit, batch: ++this.#batch };
  }

  /** The peer has answered a ping; whether that was the one behind acknowledgements of which nobody knew that they had arrived. */
  heard(batch: unknown): batch is number {
    if (batch !== this.#batch || this.#said.length === 0) return false;
    this.#said = [];
    return true;
  }
}
