// One user connection of the load: says hello, sends numbered events from prepared frames, and notes when which number was
// acknowledged. Numbers are put into a frame in place: as a JSON number with leading spaces, and as a part of the id with
// leading zeros, so that all frames of a peer have one length.
import { ulid } from 'ulid';
import { clientFrame, RawWebSocket } from './raw-web-socket.ts';

const PROTOCOL = 'pmc.v1';
const DIGITS = 9;
/** So that the events of one peer go to more than one partition. */
const CHATS = 8;
const UPTO = '"upto":';
const ACK = '{"op":"ack"';
const [ZERO, NINE, SPACE] = [48, 57, 32];

export interface IngestPeerOptions {
  readonly url: string;
  readonly token: string;
  readonly name: string;
  /** Of an event frame. */
  readonly payloadBytes: number;
  /** Everything up to this number is acknowledged; `before` was the last such number. */
  readonly onAcked: (peer: IngestPeer, before: number, upto: number) => void;
  readonly onFailure: (what: string) => void;
}

interface Template {
  readonly frame: Buffer;
  readonly idAt: number;
  readonly seqAt: number;
}

export class IngestPeer {
  readonly #options: IngestPeerOptions;
  readonly #epoch = ulid();
  /** Made by the first event: an idle peer needs none. */
  #templates: readonly Template[] = [];
  readonly #welcome = Promise.withResolvers<void>();
  #socket: RawWebSocket | undefined;
  #sent = 0;
  #upto = 0;

  /** Resolves when the gateway has said welcome. */
  static async open(options: IngestPeerOptions): Promise<IngestPeer> {
    const peer = new IngestPeer(options);
    const { url } = options;
    const socket = await RawWebSocket.open({
      ...{ url, protocol: PROTOCOL },
      onText: (text) => peer.#read(text),
      onClosed: (code, reason) => peer.#fail(`${options.name} was closed with ${code} ${reason}`),
    });
    peer.#socket = socket;
    const { name, token } = options;
    const hello = { op: 'hello', v: 1, stream: name, epoch: peer.#epoch, token };
    socket.write(clientFrame(Buffer.from(JSON.stringify(hello))));
    await peer.#welcome.promise;
    return peer;
  }

  private constructor(options: IngestPeerOptions) {
    this.#options = options;
  }

  get sent(): number {
    return this.#sent;
  }

  get unacked(): number {
    return this.#sent - this.#upto;
  }

  /** Sends so many events at once; returns the number of the first. */
  send(count: number): number {
    if (this.#templates.length === 0) {
      this.#templates = Array.from({ length: CHATS }, (_, chat) => templateOf(this.#options, this.#epoch, chat));
    }
    const first = this.#sent + 1;
    const frames: Buffer[] = [];
    for (let seq = first; seq < first + count; seq += 1) {
      const { frame, idAt, seqAt } = this.#templates[seq % CHATS] as Template;
      const copy = Buffer.from(frame);
      writeNumber(copy, idAt, seq, ZERO);
      writeNumber(copy, seqAt, seq, SPACE);
      frames.push(copy);
    }
    this.#sent += count;
    this.#socket?.write(frames.length === 1 ? (frames[0] as Buffer) : Buffer.concat(frames));
    return first;
  }

  close(): void {
    this.#socket?.close();
  }

  #read(text: Buffer): void {
    if (text.toString('latin1', 0, ACK.length) !== ACK) return this.#other(text.toString());
    let at = text.indexOf(UPTO) + UPTO.length;
    let upto = 0;
    for (let digit = text[at] as number; digit >= ZERO && digit <= NINE; digit = text[++at] as number) {
      upto = upto * 10 + digit - ZERO;
    }
    const before = this.#upto;
    if (upto <= before) return;
    this.#upto = upto;
    this.#options.onAcked(this, before, upto);
  }

  #other(text: string): void {
    const frame = JSON.parse(text) as { op?: string; code?: number };
    if (frame.op === 'welcome') this.#welcome.resolve();
    else if (frame.op === 'nack' || frame.op === 'error') this.#fail(`${this.#options.name} was answered ${text}`);
  }

  #fail(what: string): void {
    this.#welcome.reject(new Error(what));
    this.#options.onFailure(what);
  }
}

function templateOf({ name, payloadBytes }: IngestPeerOptions, epoch: string, chat: number): Template {
  const id = `${name}-${'#'.repeat(DIGITS)}`;
  const event = (content: string): string =>
    JSON.stringify({
      ...{ event: 'message', id, timestamp: new Date().toISOString(), sender: `${name}@example.com` },
      ...{ chat: `${name}-chat-${chat}`, message_type: 'text', content, metadata: {}, stream: name, epoch, seq: '#' },
    }).replace('"seq":"#"', `"seq":${' '.repeat(DIGITS)}`);
  const text = event('x'.repeat(Math.max(0, payloadBytes - event('').length)));
  const frame = clientFrame(Buffer.from(text));
  return { frame, idAt: frame.indexOf('#'), seqAt: frame.indexOf('"seq":') + '"seq":'.length };
}

function writeNumber(to: Buffer, at: number, value: number, filler: number): void {
  let rest = value;
  for (let place = at + DIGITS - 1; place >= at; place -= 1) {
    to[place] = rest > 0 ? ZERO + (rest % 10) : filler;
    rest = Math.floor(rest / 10);
  }
}
