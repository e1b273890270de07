import { describe, expect, it } from 'vitest';
import { controlStatus, readyReport } from './observation.ts';

describe('observation', () => {
  it('takes the numbers of the counters and leaves what else a service counts', () => {
    const facts = { counters: { eventsSent: 5, notSent: { full: 2 }, since: 'today' }, url: 'x' };
    expect(readyReport.parse({ ready: true, checks: {}, facts }).facts).toEqual({ counters: { eventsSent: 5 } });
  });

  it('reads a service that counts nothing', () => {
    expect(readyReport.parse({ ready: true, checks: {}, facts: {} }).facts.counters).toEqual({});
  });

  it('keeps nothing of the supervisor that carries a password', () => {
    const service = { name: 'a', pid: 1, state: 'running', restarts: 0, healthUrl: null, lastExit: null, ready: true };
    const status = { schemaVersion: 1, services: [service], database: { url: 'postgres://u:secret@h/d' } };
    expect(JSON.stringify(controlStatus.parse(status))).not.toContain('secret');
  });
});
