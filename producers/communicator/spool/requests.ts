// What the communicator asks of the thread that has the spool's file, and what it gets. One answer for each request, in order.
import type { SeqRange } from '../seq-gaps.ts';
import type { EpochNote } from './epoch-accounts.ts';
import type { NewGroup, SpoolState, StoredGroup, StoredPosition } from './spool-file.ts';

export interface SpoolCalls {
  state: { readonly asked: Record<string, never>; readonly answer: SpoolState };
  willSpool: { readonly asked: { readonly epoch: string }; readonly answer: void };
  commit: { readonly asked: { readonly group: NewGroup; readonly forgetUpTo: number }; readonly answer: number };
  note: {
    readonly asked: {
      readonly note: EpochNote;
      readonly forgetUpTo: number;
      readonly positions: readonly StoredPosition[];
      readonly nowMs: number;
    };
    readonly answer: void;
  };
  read: {
    readonly asked: { readonly afterId: number; readonly groupsMax: number };
    readonly answer: readonly StoredGroup[];
  };
  position: {
    readonly asked: { readonly source: string; readonly stream: string };
    readonly answer: StoredPosition | undefined;
  };
  numbers: { readonly asked: { readonly epoch: string }; readonly answer: readonly SeqRange[] };
  sources: { readonly asked: Record<string, never>; readonly answer: readonly string[] };
  setSource: { readonly asked: { readonly source: string; readonly isOurs: boolean }; readonly answer: void };
  setAside: { readonly asked: { readonly id: number }; readonly answer: void };
  closeEpoch: { readonly asked: { readonly epoch: string }; readonly answer: void };
  close: { readonly asked: Record<string, never>; readonly answer: void };
}

export type SpoolCall = keyof SpoolCalls;
export type Request = {
  [K in SpoolCall]: { readonly number: number; readonly call: K; readonly asked: SpoolCalls[K]['asked'] };
}[SpoolCall];
export type Answer = {
  readonly number: number;
  readonly answer?: unknown;
  readonly error?: { readonly message: string; readonly code?: string };
};
