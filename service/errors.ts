// One error class with a stable code. Decisions read the code and its row in the table, never the text of a message.
import { ERROR_CODES, type PmcErrorCode } from './error-codes.ts';

export type ErrorDetails = Readonly<Record<string, unknown>>;

export class PmcError extends Error {
  readonly code: PmcErrorCode;
  readonly details: ErrorDetails;

  constructor(code: PmcErrorCode, message: string, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PmcError';
    this.code = code;
    this.details = details;
  }

  get retriable(): boolean {
    return ERROR_CODES[this.code].retriable;
  }

  get exitCode(): number {
    return ERROR_CODES[this.code].exitCode;
  }
}

/** Whether waiting and trying again can help. Anything that is not a PmcError is unknown, hence not retriable. */
export function isRetriable(error: unknown): boolean {
  return error instanceof PmcError && error.retriable;
}

/** The one line a person is shown: code, message and the innermost cause where it says more. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  let cause: unknown = error;
  while (cause instanceof Error && cause.cause !== undefined) cause = cause.cause;
  const because = cause !== error && cause instanceof Error && cause.message ? ` (${cause.message})` : '';
  const code = error instanceof PmcError ? `${error.code}: ` : '';
  return `${code}${error.message}${because}`;
}
