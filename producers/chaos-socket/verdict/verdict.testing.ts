// A made-up run for tests of the verdict: frames over connections and chats, and the rows that a perfect system has.
import { createHash } from 'node:crypto';
import { decodeTime } from 'ulid';
import type { ExportedRow } from './exported-row.ts';
import type { LedgerLine, SentLine } from './ledger-line.ts';

export const RUN = '01KAJX5T7Z0000000000000AAA';
/** The run began then, and lasted an hour. */
export const BEGAN_MS = decodeTime(RUN);
export const ENDED_MS = BEGAN_MS + 3_600_000;
const PATHS = ['/source-1', '/source-2'] as const;

export const hashOf = (text: string | Buffer): string => createHash('sha256').update(text).digest('hex');

export function sentLine(connection: number, n: number, more: Partial<SentLine> = {}): SentLine {
  const id = `msg_${connection}_${n}`;
  return {
    line: 'sent',
    run: RUN,
    seed: 7,
    source: PATHS[connection % 2] ?? '/',
    connectionId: `connection-${connection}`,
    n,
    event: 'message',
    id,
    chat: `chat_${n % 3}`,
    sha256: hashOf(`body of ${id}`),
    origin: 'plan',
    ...more,
  };
}

export function rowOf(line: SentLine, offset: number, more: Partial<ExportedRow> = {}): ExportedRow {
  const { id, chat, sha256, stream, epoch, seq, source } = line;
  const partition = `topic-id ${Number(chat?.slice(-1)) % 2}`;
  return {
    sha256,
    id,
    chat,
    source: `127.0.0.1:4001${source}`,
    stream,
    epoch,
    seq,
    partition,
    offset,
    flags: [],
    receivedAtMs: BEGAN_MS + 1_000,
    ...more,
  };
}

export interface Run {
  readonly ledger: LedgerLine[];
  readonly rows: ExportedRow[];
}

export function untilLine(atMs: number, { ended }: { ended: boolean }): LedgerLine {
  return { line: 'until', run: RUN, at: new Date(atMs).toISOString(), ended };
}

/** The frames of all connections in turn, and a row for each; the run has ended. */
export function perfectRun(connections: number, framesEach: number): Run & { readonly sent: readonly SentLine[] } {
  const sent = Array.from({ length: connections * framesEach }, (_, index) =>
    sentLine(index % connections, Math.floor(index / connections) + 1),
  );
  return {
    sent,
    ledger: [...sent, untilLine(ENDED_MS, { ended: true })],
    rows: sent.map((line, index) => rowOf(line, index)),
  };
}
