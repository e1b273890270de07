// One HTTP exchange under suspicion: the name is resolved once, every address is judged, and the connection goes to a judged
// address and nowhere else, so that no second answer of the name server can lead elsewhere. No redirect is followed, no
// connection is used twice, and neither time nor memory is the other side's to spend. It never throws: what was seen is data.
import http from 'node:http';
import https from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import type { Readable } from 'node:stream';
import { type Address, refusalOf } from './address.ts';
import { LookupsBusyError, type Resolve } from './names.ts';
import type { Exchange } from './outcome.ts';
import type { OutgoingRequest } from './request.ts';

export interface ExchangeLimits {
  readonly timeoutMs: number;
  readonly responseBytesMax: number;
  readonly allowsPrivateAddresses: boolean;
}

const HEADER_BYTES_MAX = 16_384;

export async function exchange(request: OutgoingRequest, limits: ExchangeLimits, resolve: Resolve): Promise<Exchange> {
  const overdue = AbortSignal.timeout(limits.timeoutMs);
  const host = request.url.hostname.replace(/^\[|\]$/g, '');
  let addresses: readonly Address[];
  try {
    addresses = await beforeEnd(overdue, addressesOf(host, resolve));
  } catch (error) {
    const why = overdue.aborted ? `not found within ${limits.timeoutMs} ms` : reasonOf(error);
    const isOurs = error instanceof LookupsBusyError;
    return { kind: 'not-sent', reason: `${host} cannot be resolved (${why})`, isOurs };
  }
  const refusal = refusalOf(host, addresses, limits.allowsPrivateAddresses);
  if (refusal !== undefined) return { kind: 'refused', reason: refusal };
  return await send(request, limits, addresses, overdue);
}

async function addressesOf(host: string, resolve: Resolve): Promise<readonly Address[]> {
  const family = isIP(host);
  return family === 0 ? await resolve(host) : [{ address: host, family: family === 6 ? 6 : 4 }];
}

function send(
  { method, url, headers, body }: OutgoingRequest,
  { timeoutMs, responseBytesMax }: ExchangeLimits,
  addresses: readonly Address[],
  overdue: AbortSignal,
): Promise<Exchange> {
  const isSecure = url.protocol === 'https:';
  const options = {
    method,
    headers,
    agent: false,
    signal: overdue,
    lookup: only(addresses),
    maxHeaderSize: HEADER_BYTES_MAX,
  };
  return new Promise((settle) => {
    let isConnected = false;
    const failed = (error: unknown): void => {
      const reason = overdue.aborted ? `no whole answer within ${timeoutMs} ms` : reasonOf(error);
      settle(isConnected ? { kind: 'no-answer', reason } : { kind: 'not-sent', reason, isOurs: false });
    };
    // A protocol switch that nobody asked for ends here. Node listens to such a socket no longer: its errors would end the process.
    const endSwitch = (stream: Readable): void => {
      stream.on('error', () => undefined);
      stream.destroy();
      failed(new Error('it wants another protocol'));
    };
    const sent = (isSecure ? https : http).request(url, options, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size <= responseBytesMax) chunks.push(chunk);
        else response.destroy(new Error(`its answer is larger than ${responseBytesMax / 1_024} KiB`));
      });
      response.on('error', failed);
      response.on('end', () => {
        const { statusCode: status = 0 } = response;
        if (response.complete)
          settle({ kind: 'answered', status, location: response.headers.location, body: Buffer.concat(chunks) });
        else failed(new Error('its answer is shorter than it said'));
      });
      if (response.statusCode === 101) endSwitch(response);
    });
    // Nothing of the request leaves before this.
    sent.on('socket', (socket) => socket.once(isSecure ? 'secureConnect' : 'connect', () => (isConnected = true)));
    sent.on('error', failed);
    sent.on('upgrade', (_response, socket) => endSwitch(socket));
    sent.end(body);
  });
}

/** Answers with what was judged, whatever is asked. */
function only(addresses: readonly Address[]): LookupFunction {
  return (_host, { all }, answer) => {
    const [first] = addresses;
    if (all === true) answer(null, [...addresses]);
    else answer(null, first?.address ?? '', first?.family);
  };
}

async function beforeEnd<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return await new Promise<T>((resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('overdue')), { once: true });
    work.then(resolve, reject);
  });
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return message !== '' ? message : (code ?? 'no reason given');
}
