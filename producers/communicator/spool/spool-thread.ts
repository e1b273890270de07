// The spool's file as the communicator sees it: calls that are answered in order by a thread of its own.
import { Worker } from 'node:worker_threads';
import type { PmcErrorCode } from '../../../service/error-codes.ts';
import { PmcError } from '../../../service/errors.ts';
import type { Answer, SpoolCall, SpoolCalls } from './requests.ts';

interface Waiting {
  readonly resolve: (answer: never) => void;
  readonly reject: (error: Error) => void;
}

export class SpoolThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #onFailure: (error: Error) => void;
  #number = 0;
  #failure: Error | undefined;
  #isStopping = false;

  constructor(path: string, onFailure: (error: Error) => void) {
    this.#onFailure = onFailure;
    this.#worker = new Worker(new URL('./spool-worker.ts', import.meta.url), { workerData: { path } });
    this.#worker.on('message', ({ number, answer, error }: Answer) => {
      const waiting = this.#waiting.get(number);
      this.#waiting.delete(number);
      if (error === undefined) waiting?.resolve(answer as never);
      else waiting?.reject(asError(error));
    });
    this.#worker.on('messageerror', (error: Error) => this.#failed(error));
    this.#worker.on('error', (error: Error) => this.#failed(error));
    this.#worker.on('exit', (code) => this.#failed(new Error(`the thread of the spool ended with code ${code}`)));
  }

  async call<C extends SpoolCall>(
    call: C,
    asked: SpoolCalls[C]['asked'],
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<SpoolCalls[C]['answer']> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#number += 1;
    const number = this.#number;
    return await new Promise((resolve, reject) => {
      this.#waiting.set(number, { resolve, reject });
      this.#worker.postMessage({ number, call, asked }, transfer);
    });
  }

  /** For a file that could not be opened. */
  async abandon(): Promise<void> {
    this.#isStopping = true;
    await this.#worker.terminate();
  }

  async stop(): Promise<void> {
    try {
      if (this.#failure === undefined) await this.call('close', {});
    } finally {
      this.#isStopping = true;
      await this.#worker.terminate();
    }
  }

  #failed(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
    if (!this.#isStopping) this.#onFailure(error);
  }
}

function asError({ message, code }: { message: string; code?: string }): Error {
  return code === undefined ? new Error(message) : new PmcError(code as PmcErrorCode, message);
}
