// Structured logs: one JSON object a line on stdout. Event names are fixed dotted keys in `event`, details are fields. A token
// that got into a line, wherever in it, is taken out.
import { type DestinationStream, type Logger, pino } from 'pino';
import { withoutTokens } from './token-format.ts';

export type { Logger };

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export function createLogger(service: string, level: LogLevel, to?: DestinationStream): Logger {
  const options = {
    level,
    base: { service, pid: process.pid },
    messageKey: 'event',
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    hooks: { streamWrite: withoutTokens },
  };
  return to === undefined ? pino(options) : pino(options, to);
}
