// What a frame says, or why it says nothing that can be used. Pure.
import { isUtf8 } from 'node:buffer';
import { PROTOCOL_ERROR, PROTOCOL_LIMITS } from '../../schemas/protocol/codes.ts';
import { nestsDeeperThan } from './json-depth.ts';

export interface Frame {
  readonly bytes: Buffer;
  readonly isBinary: boolean;
}

export type Fields = Readonly<Record<string, unknown>>;

export interface Refusal {
  /** Of pmc.v1. */
  readonly code: number;
  readonly reason: string;
}

export type Parsed =
  | { readonly ok: true; readonly fields: Fields }
  /** `fields` where it is an object all the same, so that whoever sent it can be told which one it was. */
  | { readonly ok: false; readonly refusal: Refusal; readonly fields?: Fields };

const REPLACED = '\ufffd';

export function parseFrame({ bytes, isBinary }: Frame): Parsed {
  if (isBinary) return refuse(PROTOCOL_ERROR.malformed.code, 'the frame is binary, a JSON text is expected');
  const text = bytes.toString('utf8');
  // What is no UTF-8 has become this character, which may have been written as well.
  if (text.includes(REPLACED) && !isUtf8(bytes))
    return refuse(PROTOCOL_ERROR.malformed.code, 'the frame is not valid UTF-8');
  const refusal = shapeProblem(bytes.length, text);
  const fields = objectOf(text);
  if (refusal !== undefined) return fields.ok ? { ok: false, refusal, fields: fields.fields } : { ok: false, refusal };
  return fields;
}

function shapeProblem(sizeBytes: number, text: string): Refusal | undefined {
  const { frameBytes, nesting } = PROTOCOL_LIMITS;
  if (sizeBytes > frameBytes) {
    const reason = `the frame has ${sizeBytes} bytes, the limit is ${frameBytes}`;
    return { code: PROTOCOL_ERROR.frameTooLarge.code, reason };
  }
  if (nestsDeeperThan(nesting, text)) {
    return { code: PROTOCOL_ERROR.invalid.code, reason: `the JSON nests deeper than ${nesting} levels` };
  }
  return undefined;
}

function objectOf(text: string): Parsed {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refuse(PROTOCOL_ERROR.malformed.code, 'the frame is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refuse(PROTOCOL_ERROR.invalid.code, 'the frame is JSON but not an object');
  }
  return { ok: true, fields: value as Fields };
}

function refuse(code: number, reason: string): Parsed {
  return { ok: false, refusal: { code, reason } };
}
