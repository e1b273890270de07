// What an event and its refusal are called in an answer. Pure.
import { PROTOCOL_ERROR, type ProtocolErrorName } from '../../schemas/protocol/codes.ts';

export interface EventName {
  readonly seq: number | undefined;
  readonly id: string | undefined;
}

/** Without what it does not have. */
export function whichOf({ seq, id }: EventName): { readonly seq?: number; readonly id?: string } {
  return { ...(seq === undefined ? {} : { seq }), ...(id === undefined ? {} : { id }) };
}

export function errorNameOf(code: number): ProtocolErrorName {
  const found = Object.entries(PROTOCOL_ERROR).find(([, one]) => one.code === code);
  return (found?.[0] ?? 'invalid') as ProtocolErrorName;
}
