// A patch of kafkajs 2.2.4: `RequestQueue.scheduleCheckPendingRequests`, src/network/requestQueue/index.js.
//
// Why. From its first answer on, every connection keeps a timer of 1 ms running for ever: the function arms one also when
// nothing is pending, with the delay `throttledUntil - Date.now()`, where throttledUntil is -1 while the broker does not throttle.
// Six idle connections took about 6 % of a core, and Node 24 warns of each negative delay. The library has had no release since
// 2023 and leaves the corrections that were offered unmerged.
//
// What differs. No timer while nothing is pending: whatever becomes pending arms one by itself. The delay is never negative. Sending,
// the bound on requests in flight and the broker's throttling are as they were.
//
// How. The method is replaced in memory when the library is loaded, not on disk: so it holds for every install, however it was
// made, and cannot be forgotten. Only the text that was reviewed is replaced; any other ends the process before it connects.
import { createRequire } from 'node:module';
import { assertReviewed } from '../../reviewed.ts';

const MODULE = 'kafkajs/src/network/requestQueue/index.js';
const REVIEWED_SHA256 = '04347ea969c6f2e3754427c0cbaee0bd4ce947fbd82f7b6e027506a06dfc581a';
/** The library's own interval, for when the bound on requests in flight was reached. */
const CHECK_INTERVAL_MS = 10;

interface RequestQueue {
  readonly pending: readonly unknown[];
  readonly throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  checkPendingRequests(): void;
}

export interface RequestQueueClass {
  readonly prototype: { scheduleCheckPendingRequests: (this: RequestQueue) => void };
}

export function patchIdleTimers(
  { prototype }: RequestQueueClass = createRequire(import.meta.url)(MODULE) as RequestQueueClass,
): void {
  const installed = String(prototype.scheduleCheckPendingRequests);
  if (installed === String(scheduleCheckPendingRequests)) return;
  assertReviewed(MODULE, installed, REVIEWED_SHA256);
  prototype.scheduleCheckPendingRequests = scheduleCheckPendingRequests;
}

function scheduleCheckPendingRequests(this: RequestQueue): void {
  if (this.throttleCheckTimeoutId !== null || this.pending.length === 0) return;
  const throttledMs = this.throttledUntil - Date.now();
  this.throttleCheckTimeoutId = setTimeout(
    () => {
      this.throttleCheckTimeoutId = null;
      this.checkPendingRequests();
    },
    throttledMs > 0 ? throttledMs : CHECK_INTERVAL_MS,
  );
}
