// docs/protocol.md is written by hand; its tables of codes and limits are put between their marks by machine. Pure.
import { CLOSE, PROTOCOL_ERROR, PROTOCOL_LIMITS } from '../../schemas/protocol/codes.ts';
import { GENERATED_NOTE, table } from './markdown.ts';

/** What each limit is, in the order of the page. The type makes it complete. */
const LIMITS: Readonly<Record<keyof typeof PROTOCOL_LIMITS, string>> = {
  seq: 'the number of an event',
  frameBytes: 'bytes of a frame (`limits.frame`)',
  frameBytesHard: 'bytes of a WebSocket message, else 1009',
  contentBytes: 'UTF-8 bytes of `content` or `new_content` (`limits.content`)',
  metadataBytes: 'UTF-8 bytes of `metadata` as JSON',
  nesting: 'objects and arrays in each other',
  window: 'events on their way without an answer (`limits.window`)',
  windowBytes: 'bytes of them',
  resend: 'events that are asked for again at once',
  gaps: 'gaps that are open in a stream, else 110 and 4008 (4006 where its rate made them)',
  resume: 'records that a position may be behind the newest',
  outgoingBytes: 'bytes sent to a peer and not taken by it, else 4005',
  helloMs: 'milliseconds until hello, else 4505',
  pingMs: 'milliseconds between pings (`ping_ms`), with jitter',
  pongMs: 'milliseconds until the pong (`pong_ms`)',
  gapMs: 'milliseconds after which a gap is lost',
  credit: 'dispatches sent ahead (`limits.credit`)',
};

const TABLES: Readonly<Record<string, string>> = {
  errors: table(
    ['Code', 'Temporary', 'Meaning'],
    Object.values(PROTOCOL_ERROR).map((one) => [
      String(one.code),
      one.isTemporary ? 'yes' : 'isWarning' in one ? 'a warning' : 'no',
      one.meaning,
    ]),
  ),
  closes: table(
    ['Code', 'Come back', 'Reason'],
    Object.values(CLOSE).map(({ code, reason }) => [String(code), code < 4_500 ? 'yes' : 'no', reason]),
  ),
  limits: table(
    ['At most', 'Of what'],
    Object.entries(LIMITS).map(([name, what]) => [
      PROTOCOL_LIMITS[name as keyof typeof PROTOCOL_LIMITS].toLocaleString('en'),
      what,
    ]),
  ),
};

const MARKED = /<!-- generated: (\w+) -->\n[\s\S]*?<!-- end -->/g;

/** The page with its tables as the code has them now. */
export function protocolPage(page: string): string {
  const used = new Set<string>();
  const filled = page.replace(MARKED, (_, name: string) => {
    used.add(name);
    return `<!-- generated: ${name} -->\n${GENERATED_NOTE}\n${TABLES[name] ?? ''}<!-- end -->`;
  });
  const isComplete = used.size === Object.keys(TABLES).length && [...used].every((name) => name in TABLES);
  if (!isComplete) throw new Error(`docs/protocol.md has the marks ${[...used].join(', ')}`);
  return filled;
}
