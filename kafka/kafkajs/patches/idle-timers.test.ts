import { createRequire } from 'node:module';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import '../client.ts';
import { patchIdleTimers, type RequestQueueClass } from './idle-timers.ts';

interface Request {
  readonly entry: { readonly correlationId: number; resolve(): void };
  readonly expectResponse: boolean;
  sendRequest(): void;
}

interface Queue {
  push(request: Request): void;
  fulfillRequest(answer: { correlationId: number; size: number; payload: null }): void;
  maybeThrottle(durationMs: number): void;
}

type InstalledQueue = RequestQueueClass & (new (options: object) => Queue);

const RequestQueue = createRequire(import.meta.url)('kafkajs/src/network/requestQueue/index.js') as InstalledQueue;

const sent: number[] = [];
const silent = { debug: () => undefined, warn: () => undefined };
let queue: Queue;

function push(correlationId: number): void {
  const entry = { correlationId, resolve: () => undefined };
  queue.push({ entry, expectResponse: true, sendRequest: () => sent.push(correlationId) });
}

function answer(correlationId: number): void {
  queue.fulfillRequest({ correlationId, size: 0, payload: null });
}

beforeEach(() => {
  vi.useFakeTimers();
  sent.length = 0;
  queue = new RequestQueue({ maxInFlightRequests: 1, requestTimeout: 1_000, logger: silent });
});

afterEach(() => {
  vi.useRealTimers();
});

describe("the library's queue of requests, once a client file was loaded", () => {
  test('row 10 · has no timer while nothing is pending', () => {
    push(1);
    answer(1);
    expect(sent).toEqual([1]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('sends what was pending when there is an answer, and then has no timer for long', () => {
    push(1);
    push(2);
    expect(sent).toEqual([1]);
    answer(1);
    expect(sent).toEqual([1, 2]);
    answer(2);
    vi.advanceTimersByTime(10);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('sends when throttling is over what became pending in the meantime', () => {
    push(1);
    queue.maybeThrottle(5_000);
    answer(1);
    push(2);
    vi.advanceTimersByTime(4_900);
    expect(sent).toEqual([1]);
    vi.advanceTimersByTime(200);
    expect(sent).toEqual([1, 2]);
  });
});

describe('the patch', () => {
  test('refuses a text that nobody has reviewed', () => {
    const changed: RequestQueueClass = { prototype: { scheduleCheckPendingRequests: () => undefined } };
    const before = changed.prototype.scheduleCheckPendingRequests;
    expect(() => patchIdleTimers(changed)).toThrow('is not the text that this patch was reviewed for');
    expect(changed.prototype.scheduleCheckPendingRequests).toBe(before);
  });

  test('may be applied again', () => {
    patchIdleTimers();
    patchIdleTimers(RequestQueue);
  });
});
