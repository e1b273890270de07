// A listener that speaks just enough of the protocol to let somebody log in, or not. Behind a refusal it resets the connection, as a machine does
// that has not read all that was sent to it.
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { int16, int32 } from './big-endian.testing.ts';

const [SASL_HANDSHAKE, API_VERSIONS, SASL_AUTHENTICATE] = [17, 18, 36];
/** In the one version of each that is answered here. */
const OFFERED = [
  [SASL_HANDSHAKE, 1],
  [API_VERSIONS, 1],
  [SASL_AUTHENTICATE, 1],
] as const;
const SASL_AUTHENTICATION_FAILED = 58;
const SESSION_MS = 100n;

export class RefusingBroker {
  readonly #logins: number;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  #resets = 0;

  /** `logins`: how many of a connection succeed before one is refused; each is for a tenth of a second. */
  constructor(logins = 0) {
    this.#logins = logins;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#serve(socket));
  }

  /** Connections that were reset, each once its client had heard the refusal and ended its side. */
  get resets(): number {
    return this.#resets;
  }

  /** Resolves with its address. */
  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(socket: Socket): void {
    let left = this.#logins;
    let isRefused = false;
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('end', () => {
      if (isRefused) {
        this.#resets += 1;
        socket.resetAndDestroy();
      } else socket.end();
    });
    socket.on('data', (request) => {
      const body = answerTo(request.readInt16BE(4), request.readInt16BE(6), left > 0);
      if (request.readInt16BE(4) === SASL_AUTHENTICATE) {
        isRefused = left === 0;
        left -= 1;
      }
      if (body !== undefined) socket.write(Buffer.concat([int32(4 + body.length), request.subarray(8, 12), body]));
    });
  }
}

/** Undefined: it is silent. */
function answerTo(key: number, version: number, isLetIn: boolean): Buffer | undefined {
  if (key === SASL_HANDSHAKE) return Buffer.concat([int16(0), int32(1), text('PLAIN')]);
  if (key === SASL_AUTHENTICATE) {
    const session = Buffer.alloc(8);
    session.writeBigInt64BE(SESSION_MS);
    return Buffer.concat([int16(isLetIn ? 0 : SASL_AUTHENTICATION_FAILED), text('no'), int32(0), session]);
  }
  if (key !== API_VERSIONS || version > 2) return undefined;
  const ranges = OFFERED.map(([one, only]) => Buffer.concat([int16(one), int16(only), int16(only)]));
  return Buffer.concat([int16(0), int32(ranges.length), ...ranges, int32(0)]);
}

function text(value: string): Buffer {
  return Buffer.concat([int16(value.length), Buffer.from(value)]);
}
