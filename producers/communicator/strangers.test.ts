import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import type WebSocket from 'ws';
import { ScriptedSocket } from './scripted-socket.testing.ts';
import { Strangers } from './strangers.ts';
import { Wire } from './wire.ts';

const KIB = 1_024;
const ALL_BYTES_MAX = 64 * KIB * KIB;
/** What is counted for a piece beside its bytes. */
const PIECE = KIB;
/** More than a small hello, less than the largest; with its piece. */
const LARGE = 64 * KIB;

class Stranger extends EventEmitter {
  bytesRead = 0;
  readonly #socket = new ScriptedSocket();
  readonly wire = new Wire(this.#socket as unknown as WebSocket, 0, { nowMs: () => 0 });

  constructor(strangers: Strangers) {
    super();
    this.#socket.open();
    strangers.measure(this.wire, this);
  }

  sends(bytes: number): this {
    this.bytesRead += bytes;
    this.emit('data');
    return this;
  }

  /** In one piece that costs so much. */
  costs(bytes: number): this {
    return this.sends(bytes - PIECE);
  }

  sendsPieces(count: number): this {
    for (let piece = 0; piece < count; piece += 1) this.sends(1);
    return this;
  }

  get closedAs(): number | undefined {
    return this.wire.closedAs?.code;
  }
}

test('all together they send no more than a bound: who is above what a hello mostly has is told to come back', () => {
  const strangers = new Strangers(10_000);
  const all = Array.from({ length: ALL_BYTES_MAX / LARGE }, () => new Stranger(strangers).costs(LARGE));
  expect(all.filter(({ closedAs }) => closedAs !== undefined)).toEqual([]);
  const [small, large] = [new Stranger(strangers).sends(KIB), new Stranger(strangers).costs(LARGE)];
  expect([small.closedAs, large.closedAs]).toEqual([undefined, 4009]);
  // What is gone is not in memory any more, and what has said hello is not a stranger's.
  for (const one of [large, ...all.slice(0, 2)]) one.emit('close');
  for (const { wire } of all.slice(2, 4)) strangers.spoke(wire);
  for (let count = 0; count < 3; count += 1) {
    expect(new Stranger(strangers).costs(LARGE).closedAs).toBeUndefined();
  }
  expect(new Stranger(strangers).costs(LARGE).closedAs).toBe(4009);
});

test('each sends it in no more pieces than a hello may come in: one of a byte takes a kibibyte, too', () => {
  expect(new Stranger(new Strangers(10_000)).sendsPieces(5_000).closedAs).toBe(4503);
  expect(new Stranger(new Strangers(10_000)).sendsPieces(500).closedAs).toBeUndefined();
});

test('and what the pieces take counts for all together', () => {
  const strangers = new Strangers(10_000);
  const all = Array.from({ length: 120 }, () => new Stranger(strangers).sendsPieces(500));
  expect(all.filter(({ closedAs }) => closedAs !== undefined)).toEqual([]);
  for (let count = 0; count < 12; count += 1) new Stranger(strangers).sendsPieces(500);
  expect([5, 50].map((count) => new Stranger(strangers).sendsPieces(count).closedAs)).toEqual([undefined, 4009]);
});

test('who has said hello is measured no more', () => {
  const strangers = new Strangers(10_000);
  const [ana, wild, tiny] = [new Stranger(strangers), new Stranger(strangers), new Stranger(strangers)];
  strangers.spoke(ana.wire);
  expect([ana, wild].map((one) => one.sends(2 * LARGE).closedAs)).toEqual([undefined, 4503]);
  expect([ana, tiny].map((one) => one.sendsPieces(5_000).closedAs)).toEqual([undefined, 4503]);
});
