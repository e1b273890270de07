// The part of the WebSocket interface that a client uses; pages and Node have it built in, and the `ws` package has it too.

export interface SocketLike {
  addEventListener(type: 'open', listener: () => void): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: 'close', listener: (event: { readonly code: number; readonly reason: string }) => void): void;
  addEventListener(type: 'error', listener: (event: object) => void): void;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

export type SocketClass = new (url: string, protocols: string[]) => SocketLike;

/** What a failed socket says about itself; pages say nothing, on purpose. */
export function describeFailure(event: object): string {
  if ('message' in event && typeof event.message === 'string' && event.message !== '') return event.message;
  if (!('error' in event) || !(event.error instanceof Error)) return '';
  // A name with several addresses fails with an error for each.
  if (event.error instanceof AggregateError) return event.error.errors.map(messageOf).join(', ');
  return messageOf(event.error.cause ?? event.error);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : '';
}
