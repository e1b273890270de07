// A time as people write it on a command line. Pure. A day that its month does not have is none, where Date.parse takes it for one of the
// next month; neither is a time without a zone, which is another one on another machine.
import { parseEventTime } from '../../schemas/event-key.ts';

/** In UTC, as PostgreSQL reads it. A date alone is the beginning of its day in UTC; undefined for what is no ISO 8601 time. */
export function isoTime(text: string): string | undefined {
  const timeMs = /^\d/.test(text) ? parseEventTime(text) : undefined;
  return timeMs === undefined ? undefined : new Date(timeMs).toISOString();
}
