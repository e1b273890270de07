// A thread that reads ranges of the log, decodes and hashes them by the audit's own code, one range after the other.
import { parentPort, workerData } from 'node:worker_threads';
import { Codec } from '../../kafka/codec.ts';
import { openConfirmedRangeReader } from '../../kafka/connect.ts';
import { PmcError } from '../../service/errors.ts';
import { createLogger } from '../../service/logger.ts';
import { observeAll } from './log-side.ts';
import { buffersOf, packObserved } from './packed-observations.ts';
import { ahead } from './read-ahead.ts';
import type { FromThread, ReadingOptions, ToThread } from './reading-threads.ts';

/** Parts that nobody has taken yet, at most: some hundreds of records each. */
const WAITING_MAX = 4;

const { config, clientId, registryUrl, schemaCache } = workerData as ReadingOptions;
const logger = createLogger('audit', 'silent');
const codec = new Codec(registryUrl, { cacheFolder: schemaCache, logger });
const ranges = openConfirmedRangeReader({ config, clientId, logger });
let waiting = 0;
let onTaken: (() => void) | undefined;

parentPort?.on('message', (word: ToThread) => {
  if (word.word === 'read') void read(word);
  else {
    waiting -= 1;
    onTaken?.();
  }
});

async function read({ at, lower, upper, isContentOnly }: Extract<ToThread, { word: 'read' }>): Promise<void> {
  try {
    for await (const entries of ahead(ranges.read(at, lower, upper))) {
      const observed = packObserved(await observeAll(codec, entries, { isContentOnly }));
      while (waiting === WAITING_MAX)
        await new Promise<void>((resolve) => {
          onTaken = resolve;
        });
      waiting += 1;
      answer({ word: 'observed', observed }, buffersOf(observed));
    }
    answer({ word: 'end' });
  } catch (error) {
    // Anything else ends the thread, and whoever reads hears of it.
    if (!(error instanceof PmcError)) throw error;
    const { code, message, details } = error;
    answer({ word: 'failed', code, message, details });
  }
}

function answer(word: FromThread, buffers: readonly ArrayBuffer[] = []): void {
  parentPort?.postMessage(word, [...buffers]);
}
