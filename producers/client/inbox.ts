// What the gateway delivers, on its way through a client. Pure. A dispatch is kept, together with the position behind it, before
// it is handled; it is acknowledged when it was handled durably, and forgotten when the gateway has answered a ping that was sent
// after the acknowledgement, since an acknowledgement that was lost with a connection has to be said again. Each step
// goes on in order, so each is one number.
//
//   receive() ──► durable() ──► next(): handed ──► handled() ──► durable() ──► toSay(): said ──► confirmed()
//                                                                    ▲ connected() │
//                                                                    └─────────────┘
import type { Position } from '../../schemas/protocol/frames.ts';
import { KEY, type Kept, type KeptDispatch, type KeptPosition } from './kept.ts';

export interface Dispatch {
  /** The reply id; a dispatch without one cannot be known again and is not acknowledged. */
  readonly id: string | undefined;
  readonly event: Readonly<Record<string, unknown>>;
}

interface Entry extends Dispatch {
  readonly number: number;
  /** Of which connection's credit it was. */
  readonly connection: number;
}

export interface Delivered {
  readonly logEpoch: string;
  readonly pos: Position;
  readonly event: Readonly<Record<string, unknown>>;
}

export interface InboxMarks {
  readonly received: number;
  readonly handled: number;
  /** Of the position. */
  readonly anchor: number;
}

export type Reception = 'kept' | 'duplicate' | 'no-room';

/** More than the gateway sends ahead over one connection; what is handled slowly may pile up over several. */
const KEPT_MAX = 1_024;
const SEEN_MAX = 1_024;
/** Acknowledgements in one frame. */
const IDS_MAX = 500;

export class Inbox {
  readonly #changes: Map<string, string | undefined>;
  #entries: Entry[] = [];
  #position: KeptPosition | undefined;
  /** Counts positions that do not go on from the one before. */
  #anchor = 0;
  #anchorDurable = 0;
  #received: number;
  #durable: number;
  #handed: number;
  #handled: number;
  #handledDurably: number;
  #said: number;
  /** Reply ids that came again after they were forgotten here: their acknowledgement was lost. */
  #sayAgain = new Set<string>();
  readonly #seen: Map<string, number>;
  #connection = 0;
  /** Dispatches of this connection that are done with, and not credited yet. */
  #toCredit = 0;

  constructor(
    { position, dispatches, seen }: Pick<Kept, 'position' | 'dispatches' | 'seen'>,
    changes: Map<string, string | undefined>,
  ) {
    this.#changes = changes;
    this.#position = position;
    this.#seen = new Map(seen.map(([number, id]) => [id, number]));
    const numbers = [...dispatches.map(({ number }) => number), ...seen.map(([number]) => number)];
    this.#received = Math.max(0, ...numbers);
    this.#entries = dispatches.map(({ number, id, event }) => ({ number, id, event, connection: 0 }));
    const firstOpen = dispatches.find(({ isHandled }) => !isHandled)?.number ?? this.#received + 1;
    this.#durable = this.#received;
    this.#handed = firstOpen - 1;
    this.#handled = firstOpen - 1;
    this.#handledDurably = firstOpen - 1;
    this.#said = this.#first - 1;
  }

  get position(): KeptPosition | undefined {
    return this.#position;
  }

  /** Not yet handled. */
  get open(): number {
    return this.#received - this.#handled;
  }

  /** Acknowledged, and not known to have arrived. */
  get unconfirmed(): number {
    return this.#said - this.#first + 1;
  }

  /** The position survives a crash, so that answers to what is sent from now on cannot be missed. */
  get isAnchored(): boolean {
    return this.#position !== undefined && this.#anchorDurable === this.#anchor;
  }

  /** What is true of the changes that were asked for so far. */
  get marks(): InboxMarks {
    return { received: this.#received, handled: this.#handled, anchor: this.#anchor };
  }

  /** A new connection, with a new credit; dispatches go on at `position`, which is not where they ended unless it `isRecovered`. */
  connected({ position, isRecovered }: { readonly position: KeptPosition; readonly isRecovered: boolean }): void {
    if (!isRecovered) this.#anchor += 1;
    this.#connection += 1;
    this.#toCredit = 0;
    this.#said = this.#first - 1;
    this.#moveTo(position);
  }

  receive({ logEpoch, pos, event }: Delivered): Reception {
    const id = typeof event['id'] === 'string' && event['id'] !== '' ? event['id'] : undefined;
    const isDuplicate = id !== undefined && this.#seen.has(id);
    // A gateway that answers no pings must not fill it: what was said then counts as heard.
    if (this.#entries.length >= KEPT_MAX) this.confirmed(this.#first);
    if (!isDuplicate && this.#entries.length >= KEPT_MAX) return 'no-room';
    const before = this.#position?.log_epoch === logEpoch ? this.#position.pos : {};
    this.#moveTo({ log_epoch: logEpoch, pos: { ...before, ...pos } });
    if (isDuplicate) {
      this.#toCredit += 1;
      if (!this.#entries.some((entry) => entry.id === id)) this.#sayAgain.add(id);
      return 'duplicate';
    }
    const entry = { number: ++this.#received, id, event, connection: this.#connection };
    this.#entries.push(entry);
    this.#keep(entry, false);
    if (id !== undefined) this.#remember(entry.number, id);
    return 'kept';
  }

  durable({ received, handled, anchor }: InboxMarks): void {
    this.#anchorDurable = anchor;
    this.#durable = Math.max(this.#durable, received);
    this.#handledDurably = Math.max(this.#handledDurably, handled);
  }

  /** The next one to handle, one at a time. */
  next(): Dispatch | undefined {
    if (this.#handed > this.#handled || this.#handed >= this.#durable) return undefined;
    const entry = this.#at(++this.#handed);
    return entry && { id: entry.id, event: entry.event };
  }

  handled(): void {
    const entry = this.#at(++this.#handled);
    if (entry === undefined) return;
    this.#keep(entry, true);
    if (entry.connection === this.#connection) this.#toCredit += 1;
  }

  /** Handling has failed: it is handed out again. */
  failed(): void {
    this.#handed = this.#handled;
  }

  /** Reply ids to acknowledge now; they count as said. */
  toSay(): readonly string[] {
    const upto = Math.min(this.#handledDurably, this.#said + IDS_MAX);
    const ids = [...this.#sayAgain].slice(0, IDS_MAX);
    for (const id of ids) this.#sayAgain.delete(id);
    for (; this.#said < upto; this.#said++) {
      const { id } = this.#at(this.#said + 1) ?? {};
      if (id !== undefined) ids.push(id);
    }
    return ids;
  }

  /** The number of the last that was said, for `confirmed`. */
  get said(): number {
    return this.#said;
  }

  /** The gateway has what was said up to here. */
  confirmed(upto: number): void {
    const count = Math.min(upto, this.#said) - this.#first + 1;
    for (const { number } of this.#entries.splice(0, Math.max(0, count)))
      this.#changes.set(KEY.dispatch(number), undefined);
  }

  /** How many more the gateway may send; in few frames, and at once when nothing is left to do. */
  takeCredit(window: number): number {
    if (this.#toCredit === 0 || (this.#toCredit < window / 2 && this.open > 0)) return 0;
    const credit = this.#toCredit;
    this.#toCredit = 0;
    return credit;
  }

  get #first(): number {
    return this.#received - this.#entries.length + 1;
  }

  #at(number: number): Entry | undefined {
    return this.#entries[number - this.#first];
  }

  #moveTo(position: KeptPosition): void {
    if (position.log_epoch !== this.#position?.log_epoch) this.#anchor += 1;
    this.#position = position;
    this.#changes.set(KEY.position, JSON.stringify(position));
  }

  #keep({ number, id, event }: Entry, isHandled: boolean): void {
    const kept: Omit<KeptDispatch, 'number'> = { id, event, isHandled };
    this.#changes.set(KEY.dispatch(number), JSON.stringify(kept));
  }

  #remember(number: number, id: string): void {
    this.#seen.set(id, number);
    this.#changes.set(KEY.seen(number % SEEN_MAX), JSON.stringify([number, id]));
    if (this.#seen.size <= SEEN_MAX) return;
    const [oldest] = this.#seen.keys();
    if (oldest !== undefined) this.#seen.delete(oldest);
  }
}
