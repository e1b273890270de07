// The client on a terminal or in a pipe: lines in, acknowledgements and replies out. It reads no faster than the outbox has room, and
// ends when everything is settled.
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { WebSocket } from 'ws';
import { pause } from '../../service/backoff.ts';
import type { Environment } from '../../service/config.ts';
import { describeError, PmcError } from '../../service/errors.ts';
import { type Client, connect } from './client.ts';
import type { ClientSettings } from './command-line.ts';
import { FileStore } from './file-store.ts';
import { type GatewayAddress, gatewayAddress } from './gateway-address.ts';
import type { Dispatch } from './inbox.ts';
import { SentLines } from './sent-lines.ts';
import { MemoryStore } from './store.ts';
import { newUlid } from './ulid.ts';
import { answeredId, dispatchText, lossText, noticeText, outcomeText, readLine, tokenAdvice } from './wording.ts';

export interface Terminal {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly environment: Environment;
  /** Interrupted. */
  readonly signal: AbortSignal;
}

const EXIT = { ok: 0, refused: 4, partial: 6, interrupted: 130 } as const;
const LOOK_MS = 200;

/** Gives the exit code. */
export async function runOnTerminal(settings: ClientSettings, terminal: Terminal): Promise<number> {
  const { stdin, stdout, stderr, signal, environment } = terminal;
  const { isJson, waitMs, giveUpMs, token } = settings;
  const count = { acknowledged: 0, refused: 0 };
  const sent = new SentLines();
  const link = { wasUp: false, isExplained: false, lastLoss: 'no answer yet' };
  let progressMs = performance.now();
  /** The event that the last line of the output is about. */
  let shownId: string | undefined;
  const complain = (text: string): void => {
    stderr.write(`client: ${text}\n`);
  };
  const say = async (text: string): Promise<void> => {
    if (!stdout.write(`${text}\n`) && stdout.writable) await once(stdout, 'drain');
  };
  const onDispatch = async (dispatch: Dispatch): Promise<void> => {
    const id = answeredId(dispatch);
    const to = id === undefined || id === shownId ? undefined : sent.nameOf(id);
    shownId = id;
    await say(dispatchText(dispatch, isJson, to));
  };
  let client: Client;
  let address: GatewayAddress;
  try {
    address = gatewayAddress(settings.url, environment);
    const { url, whence } = address;
    client = await connect({
      url,
      stream: settings.stream,
      token,
      // That of Node does not say why a connection failed.
      WebSocket,
      store: settings.store === undefined ? new MemoryStore() : new FileStore(settings.store),
      onDispatch,
      onOutcome: (outcome) => {
        progressMs = performance.now();
        count[outcome.ok ? 'acknowledged' : 'refused'] += 1;
        shownId = outcome.id;
        void say(outcomeText(outcome, isJson, sent.find(outcome.id)));
      },
      onNotice: (notice) => {
        const text = noticeText(notice, url, (id) => sent.nameOf(id));
        if (text !== undefined) complain(text);
        if (notice.notice === 'connected') link.wasUp = true;
        if (notice.notice !== 'disconnected') return;
        if (!link.wasUp && !link.isExplained) complain(whence);
        link.isExplained = true;
        link.lastLoss = lossText(notice);
      },
    });
  } catch (error) {
    complain(describeError(error));
    return error instanceof PmcError ? error.exitCode : 1;
  }
  const kept = client.status.kept;
  if (kept > 0) complain(`${kept} events of an earlier run are sent first`);

  const lines = createInterface({ input: stdin, crlfDelay: Number.POSITIVE_INFINITY });
  let hasEnded = false;
  const read = async (): Promise<void> => {
    let number = 0;
    for await (const line of lines) {
      number += 1;
      if (line.trim() === '') continue;
      const parsed = readLine(line, settings);
      if (!parsed.ok) {
        count.refused += 1;
        complain(`line ${number} is not JSON: ${parsed.reason}`);
        continue;
      }
      await client.room();
      progressMs = Math.max(progressMs, performance.now());
      // The id is given here, so that what is said of the event before its acknowledgement can name the line.
      const { id = newUlid() } = parsed.event;
      if (typeof id === 'string') sent.add(id, number, line);
      const where = number;
      client.send({ ...parsed.event, id }).catch((error: unknown) => {
        if (!(error instanceof PmcError) || error.code !== 'PMC_CLIENT_EVENT_INVALID') return;
        count.refused += 1;
        complain(`line ${where}: ${describeError(error)}`);
      });
    }
    progressMs = performance.now();
    hasEnded = true;
    await client.settled();
    await pause(waitMs, signal);
  };
  const gaveUp = (afterMs: number): PmcError => {
    const { url, whence } = address;
    const inTime = `${afterMs / 1_000} s`;
    const message = link.wasUp
      ? `${url} has acknowledged nothing for ${inTime}`
      : `${url} was not reached in ${inTime} (${link.lastLoss})${link.isExplained ? '' : `; ${whence}`}`;
    return new PmcError('PMC_CLIENT_GAVE_UP', message, { url });
  };
  const work = async (): Promise<'done' | PmcError> => {
    await read();
    // Whoever waits for replies is to know that none could come.
    return waitMs > 0 && !link.wasUp && !signal.aborted ? gaveUp(waitMs) : 'done';
  };
  const interrupted = once(signal, 'abort').then(() => 'interrupted' as const);
  const lost = async (): Promise<PmcError> => {
    for (;;) {
      await pause(LOOK_MS, signal);
      if (signal.aborted) return await new Promise(() => undefined);
      const { kept: open, waiting } = client.status;
      // --wait begins when there is no more to read, or no room for it because nobody was ever there to take it.
      const limitMs = giveUpMs ?? (waitMs > 0 && (hasEnded || (!link.wasUp && waiting > 0)) ? waitMs : undefined);
      if (limitMs !== undefined && open > 0 && performance.now() - progressMs > limitMs) return gaveUp(limitMs);
    }
  };
  const outcome = await Promise.race([work(), interrupted, lost(), client.ended]);
  lines.close();
  const { kept: left } = client.status;
  await client.close();
  if (outcome instanceof PmcError) complain(describeError(outcome));
  if (outcome instanceof PmcError && outcome.code === 'PMC_CLIENT_UNAUTHORISED')
    complain(tokenAdvice(token, outcome.details['closeCode']));
  if (left > 0) {
    const where = settings.store;
    complain(
      where === undefined
        ? `${left} events were not acknowledged, and are gone: --store would have kept them`
        : `${left} events were not acknowledged; they are in ${where}, run again with it to send them`,
    );
  }
  if (outcome instanceof PmcError) return outcome.exitCode;
  if (outcome === 'interrupted') return EXIT.interrupted;
  if (count.refused === 0) return EXIT.ok;
  return count.acknowledged > 0 ? EXIT.partial : EXIT.refused;
}
