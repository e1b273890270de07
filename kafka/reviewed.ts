// A patch of a library holds for the text that somebody has read (ADR 0010): for another one the process does not start.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';

/** `what`: the module that has the functions; `text`: theirs; `reviewed`: its SHA-256 when the patch was written, in hexadecimal. Throws an AssertionError. */
export function assertReviewed(what: string, text: string, reviewed: string): void {
  const sha256 = createHash('sha256').update(text).digest('hex');
  assert.equal(sha256, reviewed, `${what} is not the text that this patch was reviewed for: review it again`);
}
