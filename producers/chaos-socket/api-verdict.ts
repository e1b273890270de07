// GET /api/ledger, and /api/verdict: what this run's ledger expects, or what it says beside an export that is posted. Both files
// pass through in portions, so their size has no limit; one comparison at a time, since the simulator has other things to do.
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { PmcError } from '../../service/errors.ts';
import type { Ledger } from './ledger.ts';
import { ExportReading, LedgerReading } from './verdict/comparison.ts';
import type { LedgerLine } from './verdict/ledger-line.ts';
import type { SentFrames } from './verdict/sent-frames.ts';

export function addVerdict(api: FastifyInstance, ledger: Ledger, nowMs: () => number): void {
  api.get('/api/ledger', async (_request, reply) => {
    return await reply.type('application/x-ndjson').send(Readable.from(await contentOf(ledger, nowMs)));
  });

  let isComparing = false;
  const alone = async <T>(compare: () => Promise<T>): Promise<T> => {
    if (isComparing) throw new PmcError('PMC_CHAOS_BUSY', 'another comparison is running; ask again when it has ended');
    isComparing = true;
    try {
      return await compare();
    } finally {
      isComparing = false;
    }
  };

  api.get('/api/verdict', async () => {
    const sent = await alone(() => read(ledger, nowMs));
    const { framesSent, framesWithheld, firings, doubts } = sent;
    return {
      frames: { sent: framesSent, withheld: framesWithheld, expectedRows: sent.rows.min },
      firings,
      doubts,
    };
  });

  // Here the body is not read before the route is: an export may be larger than the memory.
  void api.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(['text/csv', 'application/json'], (_request, payload, parsed) => parsed(null, payload));
    scope.post('/api/verdict', async ({ body }) => {
      return await alone(async () => {
        const rows = new ExportReading(await read(ledger, nowMs));
        const portions = (body as Readable | undefined)?.setEncoding('utf8') ?? [];
        for await (const portion of portions as AsyncIterable<string>) rows.push(portion);
        return rows.end();
      });
    });
    done();
  });
}

async function read(ledger: Ledger, nowMs: () => number): Promise<SentFrames> {
  const reading = new LedgerReading();
  const parts = Readable.from(await contentOf(ledger, nowMs), { objectMode: false }).setEncoding('utf8');
  for await (const portion of parts as AsyncIterable<string>) reading.push(portion);
  reading.endFile();
  return reading.sent;
}

/** This run's files, and behind them until when they go: what was appended before `parts` was called is in them. */
async function contentOf(ledger: Ledger, nowMs: () => number): Promise<AsyncGenerator<Buffer>> {
  const until: LedgerLine = { line: 'until', run: ledger.run, at: new Date(nowMs()).toISOString(), ended: false };
  const parts = await ledger.parts();
  return inPortions(parts, parts.length === 0 ? '' : `${JSON.stringify(until)}\n`);
}

async function* inPortions(parts: readonly { path: string; bytes: number }[], last: string): AsyncGenerator<Buffer> {
  for (const { path, bytes } of parts) {
    if (bytes > 0) yield* createReadStream(path, { end: bytes - 1 }) as AsyncIterable<Buffer>;
  }
  yield Buffer.from(last);
}
