// A source that does not count its events names messages that nobody has seen: the audit tells of them, and calls nothing lost.
import { expect, test } from 'vitest';
import type { EventKind, IncomingEvent } from '../../schemas/generated.ts';
import { AuditedSystem } from '../support/audited-system.ts';
import { incomingEvent } from '../support/incoming-events.ts';

const LONG_AGO_MS = Date.now() - 60_000;
const REPLY_ID = '0190a1b2-0000-7000-8000-000000000001';
const FIRST_AT = new Date(LONG_AGO_MS).toISOString();

test('messages that are named and not there are hints, oldest and most named first; all others are not', async () => {
  await using system = await AuditedSystem.start(2);
  const messages = system.messages(20);
  const numbers = system.messages(10).map(({ ingestSeq }) => ingestSeq);
  const reference = (kind: EventKind, of: string, about: Partial<IncomingEvent> = {}): IncomingEvent => {
    const ingestSeq = numbers.shift() ?? 0;
    const id = `r${ingestSeq}`;
    return incomingEvent(
      { event: kind, id, message_id: of },
      { kind, id, ingestSeq, receivedAt: LONG_AGO_MS, ...about },
    );
  };
  const counted = { stream: 's', streamEpoch: 'e', seq: 1 };
  const references = [
    reference('read', 'm3'),
    reference('reaction', 'lost-1'),
    reference('read', 'lost-2', { receivedAt: LONG_AGO_MS + 9_000 }),
    reference('edit', 'lost-2'),
    reference('read', 'lost-2', { receivedAt: LONG_AGO_MS + 5_000 }),
    reference('delete', 'lost-3', { source: 'other' }),
    reference('read', 'm4', { source: 'other' }),
    // Too young to be judged, of a source that counts, and of a reply of ours.
    reference('read', 'coming', { receivedAt: Date.now() + 60_000 }),
    reference('read', 'of-one-that-counts', counted),
    reference('reaction', REPLY_ID),
  ];
  await system.pool.query(
    `insert into outbox (reply_id, topic, partition, key, value) values ($1, 'pmc.messages.outgoing', 0, 'k', 'v')`,
    [REPLY_ID],
  );
  await system.store(await system.appendEvents([...messages, ...references]));
  const { hints, verdict, findings } = await system.audit();
  const hint = (source: string, id: string, ...kinds: string[]) => ({ kind: 'dangling-reference', source, id, kinds });
  expect(hints).toEqual([
    { ...hint('chaos', 'lost-2', 'edit', 'read'), references: 3, firstAt: FIRST_AT },
    { ...hint('chaos', 'lost-1', 'reaction'), references: 1, firstAt: FIRST_AT },
    { ...hint('other', 'lost-3', 'delete'), references: 1, firstAt: FIRST_AT },
    { ...hint('other', 'm4', 'read'), references: 1, firstAt: FIRST_AT },
  ]);
  expect([verdict, findings]).toEqual(['pass', []]);
});
