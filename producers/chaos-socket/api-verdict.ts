// GET /api/ledger, and /api/verdict: what this run's ledger expects, or what it says beside an export that is posted.
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { PmcError } from '../../service/errors.ts';
import type { Ledger } from './ledger.ts';
import { judgeCounts } from './verdict/audit-counts.ts';
import { CsvReader } from './verdict/csv.ts';
import { RowReader } from './verdict/exported-row.ts';
import { type LedgerLine, parseLedgerLine } from './verdict/ledger-line.ts';
import { SentFrames } from './verdict/sent-frames.ts';
import { judge } from './verdict/verdict.ts';

const MIB = 1_024 * 1_024;
const EXPORT_BYTES_MAX = 64 * MIB;
/** Comparing more would keep the simulator from sending. */
const LEDGER_BYTES_MAX = 64 * MIB;

export function addVerdict(api: FastifyInstance, ledger: Ledger): void {
  api.addContentTypeParser('text/csv', { parseAs: 'string', bodyLimit: EXPORT_BYTES_MAX }, (_request, body, done) =>
    done(null, body),
  );

  api.get('/api/ledger', async (_request, reply) => {
    return await reply.type('application/x-ndjson').send(Readable.from(contentOf(await ledger.parts())));
  });

  api.get('/api/verdict', async () => {
    const sent = new SentFrames(await linesOf(ledger));
    const { framesSent, framesWithheld, expectedRows, firings, doubts } = sent;
    return { frames: { sent: framesSent, withheld: framesWithheld, expectedRows }, firings, doubts };
  });

  api.post('/api/verdict', { bodyLimit: EXPORT_BYTES_MAX }, async ({ body, headers }) => {
    const text = typeof body === 'string' ? body : '';
    const lines = await linesOf(ledger);
    if (headers['content-type']?.startsWith('text/csv')) return judge(lines, rowsOf(text));
    try {
      return judgeCounts(lines, JSON.parse(text));
    } catch (error) {
      if (error instanceof PmcError) throw error;
      const message = 'the export is neither text/csv (pmc rows export) nor JSON (pmc audit run --json)';
      throw new PmcError('PMC_CHAOS_EXPORT_UNREADABLE', message, {}, { cause: error });
    }
  });
}

function rowsOf(text: string) {
  const csv = new CsvReader();
  const reader = new RowReader();
  const rows = [...csv.push(text), ...csv.end()].flatMap((record) => reader.read(record) ?? []);
  reader.end();
  return rows;
}

async function linesOf(ledger: Ledger): Promise<readonly LedgerLine[]> {
  const parts = await ledger.parts();
  const sizeBytes = parts.reduce((sum, { bytes }) => sum + bytes, 0);
  if (sizeBytes > LEDGER_BYTES_MAX) {
    const message = `the ledger has ${sizeBytes} bytes, too many to compare here: use pmc chaos verdict`;
    throw new PmcError('PMC_CHAOS_REQUEST_INVALID', message, { sizeBytes });
  }
  const lines: LedgerLine[] = [];
  const input = Readable.from(contentOf(parts));
  for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    lines.push(parseLedgerLine(text, lines.length + 1));
  }
  return lines;
}

async function* contentOf(parts: readonly { path: string; bytes: number }[]): AsyncGenerator<Buffer> {
  for (const { path, bytes } of parts) {
    if (bytes > 0) yield* createReadStream(path, { end: bytes - 1 });
  }
}
