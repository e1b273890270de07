import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ReplyInbox } from './reply-inbox.ts';

const at = (offset: number) => ({ log_epoch: 'l', pos: { 'o/0': offset } });

test('whatever the connections do, each reply is acknowledged, and no longer than until that has arrived', () => {
  const step = fc.constantFrom('reply', 'again', 'say', 'pong', 'break');
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const inbox = new ReplyInbox(1_000);
      inbox.goesOnAt(at(0));
      let [taken, onTheWay, batch] = [0, [] as readonly string[], 0];
      const arrived = new Set<string>();
      const say = (): void => {
        const saying = inbox.next();
        if (saying === undefined) return;
        [onTheWay, batch] = [saying.ids, saying.batch];
      };
      const pong = (): void => {
        for (const id of onTheWay) arrived.add(id);
        inbox.heard(batch);
        onTheWay = [];
      };
      const reconnect = (): void => {
        // What was said may have arrived all the same, or not.
        onTheWay = [];
        inbox.connected();
      };
      for (const one of steps) {
        if (one === 'reply') inbox.take(`r${taken}`, at(++taken));
        else if (one === 'again' && taken > 0) inbox.take(`r${taken - 1}`, at(taken));
        else if (one === 'say') say();
        else if (one === 'pong') pong();
        else if (one === 'break') reconnect();
      }
      reconnect();
      for (let left = inbox.open; left > 0; left = inbox.open) {
        say();
        pong();
      }
      expect(arrived.size).toBe(taken);
      expect(inbox.next()?.ids ?? []).toEqual([]);
      expect(inbox.position).toEqual(at(taken));
    }),
  );
});

test('it is bounded, and what has no room does not move the position', () => {
  const inbox = new ReplyInbox(2);
  inbox.goesOnAt(at(0));
  expect([inbox.take('a', at(1)), inbox.take('b', at(2)), inbox.take('c', at(3))]).toEqual([true, true, false]);
  expect(inbox.position).toEqual(at(2));
  const { batch, ids, credit } = inbox.next() ?? { batch: 0, ids: [], credit: 0 };
  expect([ids, credit, inbox.next()]).toEqual([['a', 'b'], 2, undefined]);
  expect([inbox.heard(batch + 1), inbox.heard(undefined), inbox.open]).toEqual([false, false, 2]);
  expect([inbox.heard(batch), inbox.open, inbox.take('c', at(3))]).toEqual([true, 0, true]);
  // A pong that comes again says nothing new, and one to a connection that is over nothing of what is said again.
  expect(inbox.heard(batch)).toBe(false);
  const other = inbox.next()?.batch;
  inbox.connected();
  expect([inbox.heard(other), inbox.open]).toEqual([false, 1]);
});

test('a dispatch without an id is not acknowledged, and gives its credit back; a new log is another position', () => {
  const inbox = new ReplyInbox(2);
  inbox.take(undefined, at(1));
  expect(inbox.next()).toEqual({ ids: [], credit: 1, batch: 1 });
  inbox.take('a', { log_epoch: 'other', pos: { 'o/1': 1 } });
  expect(inbox.position).toEqual({ log_epoch: 'other', pos: { 'o/1': 1 } });
});
