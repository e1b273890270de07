// What the three embedded servers have in common, so that the supervisor can treat them alike.
import { pause } from '../../service/backoff.ts';
import type { Child, Children } from '../processes/children.ts';

export interface EmbeddedServer {
  readonly name: 'kafka' | 'registry' | 'postgres';
  /** The address in a form that a person recognises; without secrets. */
  readonly address: string;
  /** How long it may take to end by itself. */
  readonly stopDeadlineMs: number;
  launch(children: Children): Child;
  /** Resolves when it answers requests; rejects when the signal aborts. */
  whenReady(child: Child, signal: AbortSignal): Promise<void>;
}

const POLL_MS = 100;

/** Asks until the answer is yes; an answer that throws is a no. */
export async function untilTrue(ask: () => Promise<boolean> | boolean, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    try {
      if (await ask()) return;
    } catch {
      // Not yet.
    }
    await pause(POLL_MS, signal);
  }
}
