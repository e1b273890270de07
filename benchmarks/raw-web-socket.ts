// A WebSocket client that costs next to nothing, so that a load generator does not take the cores of what it measures: frames
// are prepared by the caller and written many at a time, and of what comes in only lengths are read. No fragments, no extensions;
// pings are answered.
import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import type { Socket } from 'node:net';

const TEXT = 1;
const CLOSE = 8;
const PING = 9;
const FINAL = 0x80;
const MASKED = 0x80;
/** A mask of zeros leaves the bytes as they are: the standard wants one from clients, not which. */
const MASK_BYTES = 4;

export interface RawWebSocketOptions {
  readonly url: string;
  readonly protocol: string;
  /** `buffer` is only valid during the call. */
  readonly onText: (buffer: Buffer) => void;
  /** 1006 where the connection just ended. */
  readonly onClosed: (code: number, reason: string) => void;
}

/** A whole masked text frame around a payload of at most 65,535 bytes. */
export function clientFrame(payload: Buffer, opcode = TEXT): Buffer {
  const isLong = payload.length > 125;
  const header = Buffer.alloc((isLong ? 4 : 2) + MASK_BYTES);
  header[0] = FINAL | opcode;
  header[1] = MASKED | (isLong ? 126 : payload.length);
  if (isLong) header.writeUInt16BE(payload.length, 2);
  return Buffer.concat([header, payload]);
}

export class RawWebSocket {
  readonly #socket: Socket;
  readonly #options: RawWebSocketOptions;
  #rest: Buffer | undefined;
  #isClosed = false;

  static async open(options: RawWebSocketOptions): Promise<RawWebSocket> {
    const { protocol, port, hostname, pathname } = new URL(options.url);
    const headers = {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': randomBytes(16).toString('base64'),
      'sec-websocket-protocol': options.protocol,
    };
    if (protocol !== 'ws:') throw new Error(`${options.url} is not a ws: address`);
    const asking = request({ host: hostname, port, path: pathname, headers, agent: false });
    return await new Promise((resolve, reject) => {
      asking.once('upgrade', (_response, socket, head) => resolve(new RawWebSocket(socket as Socket, head, options)));
      asking.once('response', ({ statusCode }) => reject(new Error(`${options.url} answered ${statusCode}`)));
      asking.once('error', reject);
      asking.end();
    });
  }

  private constructor(socket: Socket, head: Buffer, options: RawWebSocketOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#closed(1006, 'the connection ended'));
    if (head.length > 0) this.#read(head);
  }

  /** One or more whole frames. */
  write(frames: Buffer): void {
    this.#socket.write(frames);
  }

  close(): void {
    this.#isClosed = true;
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    const buffer = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (buffer.length - at >= 2) {
      const short = (buffer[at + 1] as number) & 0x7f;
      const headerBytes = short === 126 ? 4 : short === 127 ? 10 : 2;
      if (buffer.length - at < headerBytes) break;
      const length =
        short === 126 ? buffer.readUInt16BE(at + 2) : short === 127 ? Number(buffer.readBigUInt64BE(at + 2)) : short;
      const end = at + headerBytes + length;
      if (buffer.length < end) break;
      this.#take((buffer[at] as number) & 0x0f, buffer.subarray(at + headerBytes, end));
      at = end;
    }
    this.#rest = at === buffer.length ? undefined : buffer.subarray(at);
  }

  #take(opcode: number, payload: Buffer): void {
    if (opcode === TEXT) this.#options.onText(payload);
    else if (opcode === PING) this.write(clientFrame(payload, 10));
    else if (opcode === CLOSE) {
      this.#closed(payload.length >= 2 ? payload.readUInt16BE(0) : 1005, payload.toString('utf8', 2));
      this.#socket.end();
    }
  }

  #closed(code: number, reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#options.onClosed(code, reason);
  }
}
