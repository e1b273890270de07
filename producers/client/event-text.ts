// What a caller wants to send → the text of the frame, or why it cannot be one. Pure. The text is made once and sent again as it
// is: the same event with other bytes would be another event.
import { PROTOCOL_LIMITS } from '../../schemas/protocol/codes.ts';

/** An event without its place; id and timestamp are filled in where they are missing. */
export type ClientEvent = Readonly<Record<string, unknown>> & { readonly event: string };

export interface EventLimits {
  readonly frame: number;
  readonly content: number;
}

export interface EventPlace {
  readonly stream: string;
  readonly epoch: string;
  readonly seq: number;
}

export type EventText =
  | { readonly ok: true; readonly id: string; readonly text: string }
  /** What is wrong, and where. */
  | { readonly ok: false; readonly reason: string };

export interface EventContext {
  readonly limits: EventLimits;
  readonly place: EventPlace;
  /** For what the event leaves out. */
  readonly missing: { readonly id: string; readonly timestamp: string };
}

const OURS = ['op', 'stream', 'epoch', 'seq'] as const;
const ID = /^[A-Za-z0-9._:-]{1,128}$/;
const UTF8 = new TextEncoder();

export function eventText(event: unknown, { limits, place, missing }: EventContext): EventText {
  const refuse = (reason: string): EventText => ({ ok: false, reason });
  if (typeof event !== 'object' || event === null || Array.isArray(event)) return refuse('an event is an object');
  const given = event as Readonly<Record<string, unknown>>;
  if (typeof given['event'] !== 'string' || given['event'] === '') return refuse('event: a text that names its kind');
  for (const name of OURS) if (given[name] !== undefined) return refuse(`${name}: is set by the client, leave it out`);
  const { event: kind, id = missing.id, timestamp = missing.timestamp, ...rest } = given;
  if (typeof id !== 'string' || !ID.test(id)) return refuse('id: 1 to 128 of the characters A-Z a-z 0-9 . _ : -');
  if (isDeeper(given, PROTOCOL_LIMITS.nesting)) return refuse(`nested deeper than ${PROTOCOL_LIMITS.nesting}`);
  for (const name of ['content', 'new_content']) {
    const size = utf8(given[name]);
    if (size > limits.content) return refuse(`${name}: ${size} bytes, at most ${limits.content} are allowed`);
  }
  try {
    const metadata = utf8(JSON.stringify(given['metadata']));
    if (metadata > PROTOCOL_LIMITS.metadataBytes)
      return refuse(`metadata: ${metadata} bytes as JSON, at most ${PROTOCOL_LIMITS.metadataBytes} are allowed`);
    const text = JSON.stringify({ event: kind, id, timestamp, ...rest, ...place });
    const size = utf8(text);
    if (size > limits.frame) return refuse(`${size} bytes as a frame, at most ${limits.frame} are allowed`);
    return { ok: true, id, text };
  } catch (error) {
    return refuse(`not to be written as JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The same event under another number. */
export function renumbered(text: string, place: EventPlace): string {
  return JSON.stringify({ ...(JSON.parse(text) as object), ...place });
}

export function idOf(text: string): string {
  const { id } = JSON.parse(text) as { id?: unknown };
  return typeof id === 'string' ? id : '';
}

/** Whether a gateway may leave it out when too many come. */
export function isPassing(text: string): boolean {
  const { event } = JSON.parse(text) as { event?: unknown };
  return event === 'typing' || event === 'presence';
}

function utf8(value: unknown): number {
  return typeof value === 'string' ? UTF8.encode(value).length : 0;
}

/** Objects and arrays in each other; what refers to itself is deeper than any limit. */
function isDeeper(value: unknown, limit: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return limit === 0 || Object.values(value).some((one) => isDeeper(one, limit - 1));
}
