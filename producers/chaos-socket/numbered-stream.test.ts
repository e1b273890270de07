import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NumberedStream } from './numbered-stream.ts';

function streamOf(count: number, { keptMax = 1_000 } = {}) {
  const stream = new NumberedStream<string>({ stream: 's', epoch: 'e1', keptMax });
  const add = (isWithheld = false): void => {
    const { seq } = stream.number();
    stream.keep(seq, `event ${seq}`, { isWithheld });
  };
  for (let n = 0; n < count; n++) add();
  const sent = (window = 1_000) => [...stream.next(window)].map(({ seq }) => seq);
  return { stream, add, sent };
}

test('numbers are dense from 1, and no more than the window is on its way', () => {
  const { stream, sent } = streamOf(5);
  expect([sent(2), sent(2)]).toEqual([[1, 2], []]);
  stream.acknowledge('e1', 1);
  expect(sent(2)).toEqual([3]);
  stream.acknowledge('e1', 0, [3]);
  expect([sent(2), stream.kept, stream.lastSeq]).toEqual([[4], 3, 5]);
});

test('after a resume everything that the peer does not have goes out again, in order', () => {
  const { stream, sent } = streamOf(5);
  sent(4);
  stream.resume({ epoch: 'e1', seq: 2 });
  expect(sent()).toEqual([3, 4, 5]);
  stream.resume(undefined);
  expect(sent()).toEqual([3, 4, 5]);
  stream.resume({ epoch: 'another', seq: 9 });
  expect(sent()).toEqual([3, 4, 5]);
});

test('a withheld event goes out when somebody asks, or at the resume', () => {
  const { stream, add, sent } = streamOf(1);
  add(true);
  add();
  expect(sent()).toEqual([1, 3]);
  expect(stream.askedAgain('e1', { from: 2, to: 2 })).toEqual([]);
  expect(sent()).toEqual([2]);
});

test('what an acknowledgement covers can be sent again instead', () => {
  const { stream, sent } = streamOf(4);
  sent();
  stream.againUpTo(2);
  expect([sent(), stream.kept]).toEqual([[1, 2], 4]);
});

test('what is gone is named in ranges; of another epoch everything is', () => {
  const { stream, sent } = streamOf(8);
  sent();
  stream.acknowledge('e1', 2, [5, 8]);
  expect(stream.askedAgain('e1', { from: 1, to: 10 })).toEqual([
    { from: 1, to: 2 },
    { from: 5, to: 5 },
    { from: 8, to: 10 },
  ]);
  expect(sent()).toEqual([3, 4, 6, 7]);
  expect(stream.askedAgain('e0', { from: 1, to: 2 })).toEqual([{ from: 1, to: 2 }]);
});

test('a full memory takes no more until something is acknowledged', () => {
  const { stream, sent } = streamOf(3, { keptMax: 3 });
  sent();
  expect(stream.hasRoom).toBe(false);
  stream.acknowledge('e0', 3);
  expect(stream.hasRoom).toBe(false);
  stream.acknowledge('e1', 1);
  expect(stream.hasRoom).toBe(true);
});

test('a new epoch begins at 1 and forgets; a step back repeats known numbers and says so', () => {
  const { stream, add, sent } = streamOf(3);
  sent();
  stream.stepBack(2);
  expect([stream.number(), stream.number(), stream.number()]).toEqual([
    { seq: 2, isRepeated: true },
    { seq: 3, isRepeated: true },
    { seq: 4, isRepeated: false },
  ]);
  expect(stream.begin('e2')).toEqual({ forgotten: 3, unsent: 0 });
  add();
  expect([stream.epoch, sent(), stream.number().isRepeated]).toEqual(['e2', [1], false]);
});

test('whatever happens, all that is not acknowledged arrives after a resume, once and in order', () => {
  const deed = fc.oneof(
    fc.constant({ do: 'add' as const }),
    fc.constant({ do: 'withhold' as const }),
    fc.record({ do: fc.constant('send' as const), window: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ do: fc.constant('ack' as const), seq: fc.nat({ max: 40 }) }),
    fc.record({ do: fc.constant('again' as const), seq: fc.nat({ max: 40 }) }),
    fc.record({ do: fc.constant('resume' as const), seq: fc.nat({ max: 40 }) }),
  );
  fc.assert(
    fc.property(fc.array(deed, { maxLength: 60 }), (deeds) => {
      const { stream, add, sent } = streamOf(0);
      let settled = 0;
      for (const one of deeds) {
        if (one.do === 'add' || one.do === 'withhold') add(one.do === 'withhold');
        else if (one.do === 'send') expect(sent(one.window).length).toBeLessThanOrEqual(one.window);
        else if (one.do === 'again') stream.again(one.seq);
        else {
          settled = Math.max(settled, Math.min(one.seq, stream.lastSeq));
          if (one.do === 'ack') stream.acknowledge('e1', one.seq);
          else stream.resume({ epoch: 'e1', seq: one.seq });
        }
      }
      stream.resume(undefined);
      const rest = Array.from({ length: stream.lastSeq - settled }, (_, index) => settled + 1 + index);
      // An acknowledgement of numbers not yet given must not hide the events that get them later.
      expect(sent().filter((seq) => seq > settled)).toEqual(rest.filter((seq) => seq > settled));
    }),
  );
});
