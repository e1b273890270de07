// The sources that this communicator dialled last, on its disk: at a start without the log nobody else can say whose they are.
import { describeError } from '../../../service/errors.ts';
import type { Logger } from '../../../service/logger.ts';
import type { SpoolThread } from './spool-thread.ts';

export class OwnSources {
  readonly #thread: Pick<SpoolThread, 'call'>;
  readonly #logger: Logger;

  constructor(thread: Pick<SpoolThread, 'call'>, logger: Logger) {
    this.#thread = thread;
    this.#logger = logger;
  }

  async all(): Promise<readonly string[]> {
    return await this.#thread.call('sources', {});
  }

  /** A failure leaves what was known: the source is dialled by one too many, or not before the log is back. */
  note(source: string, isOurs: boolean): void {
    this.#thread.call('setSource', { source, isOurs }).catch((error: unknown) => {
      this.#logger.warn({ source, isOurs, error: describeError(error) }, 'communicator.source.not-noted');
    });
  }
}
