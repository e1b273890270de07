import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { TOPIC } from '../../schemas/topics.ts';
import { type AckFrame, Acknowledgements } from './acknowledgements.ts';
import type { Outcome } from './recent-events.ts';

let sent: AckFrame[];
let upto: number;
let acks: Acknowledgements;

beforeEach(() => {
  sent = [];
  upto = 0;
  acks = acknowledgements(0);
});

function acknowledgements(paceMs: number): Acknowledgements {
  return new Acknowledgements(
    {
      epoch: 'E',
      get upto() {
        return upto;
      },
    },
    { clock: { nowMs: () => 7 }, ackPaceMs: paceMs },
    { send: (frame) => void sent.push(frame as AckFrame) },
  );
}

function at(offset: number): Extract<Outcome, { kind: 'logged' }> {
  return { kind: 'logged', partition: 1, offset };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const turn = () => vi.advanceTimersByTimeAsync(0);

describe('acknowledgements', () => {
  test('of one turn of the event loop are one frame, with the position as it is then', async () => {
    acks.add(1, at(10), false);
    acks.add('mine', at(11), false);
    acks.add(1, at(10), true);
    upto = 1;
    expect(sent).toEqual([]);
    await turn();
    const coordinates = [
      [1, TOPIC.incoming, 1, 10],
      ['mine', TOPIC.incoming, 1, 11],
      [1, TOPIC.incoming, 1, 10],
    ];
    expect(sent).toEqual([{ op: 'ack', epoch: 'E', upto: 1, at: coordinates, dup: [1], ts: 7 }]);
    await turn();
    expect(sent).toHaveLength(1);
    acks.add(2, at(12), false);
    await turn();
    expect(sent[1]).toEqual({ op: 'ack', epoch: 'E', upto: 1, at: [[2, TOPIC.incoming, 1, 12]], ts: 7 });
  });

  test('are due also where only the position has moved', async () => {
    upto = 5;
    acks.due();
    acks.due();
    await turn();
    expect(sent).toEqual([{ op: 'ack', epoch: 'E', upto: 5, at: [], ts: 7 }]);
  });

  test('go out at once where a frame would be too long, and the rest with the turn', async () => {
    for (let seq = 1; seq <= 1_500; seq += 1) acks.add(seq, at(seq), false);
    expect(sent.map(({ at: all }) => all.length)).toEqual([1_000]);
    await turn();
    expect(sent.map(({ at: all }) => all.length)).toEqual([1_000, 500]);
  });

  test('keep a few milliseconds between them, and one that comes alone waits for nothing', async () => {
    acks = acknowledgements(5);
    acks.add(1, at(1), false);
    await turn();
    expect(sent).toHaveLength(1);
    acks.add(2, at(2), false);
    acks.add(3, at(3), false);
    await vi.advanceTimersByTimeAsync(4);
    expect(sent).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(sent.map(({ at: all }) => all.length)).toEqual([1, 2]);
    await vi.advanceTimersByTimeAsync(5);
    acks.add(4, at(4), false);
    await turn();
    expect(sent).toHaveLength(3);
  });

  test('say nothing where nothing is due', async () => {
    acks.flush();
    await turn();
    expect(sent).toEqual([]);
    acks.add(1, at(1), false);
    acks.flush();
    await turn();
    expect(sent).toHaveLength(1);
  });
});
