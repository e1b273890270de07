import { describe, expect, it } from 'vitest';
import { serviceRow } from './service-row.ts';

const service = { name: 'commands', pid: 4, state: 'running', restarts: 0, healthUrl: null, lastExit: null } as const;

function answer(ready: boolean, checks: Record<string, { ready: boolean; detail: string }> = {}) {
  return { ok: true, atMs: 0, value: { ready, checks, facts: { counters: {} } } } as const;
}

describe('service row', () => {
  it('is up when the process runs and says that it is ready', () => {
    expect(serviceRow(service, answer(true))).toMatchObject({ condition: 'up', reason: null });
  });

  it('gives the reasons of the failing checks only', () => {
    const checks = { kafka: { ready: true, detail: 'fine' }, database: { ready: false, detail: 'refused' } };
    expect(serviceRow(service, answer(false, checks))).toMatchObject({
      condition: 'degraded',
      reason: 'database: refused',
    });
  });

  it('is not up when it says nothing, whatever the supervisor thinks', () => {
    expect(serviceRow(service, undefined).condition).toBe('degraded');
    expect(serviceRow(service, { ok: false, reason: 'late' })).toMatchObject({ condition: 'degraded', reason: 'late' });
  });

  it('is down while it waits to be started again, and says how it ended', () => {
    const lastExit = { reason: 'exit code 1', lastLine: 'PMC_KAFKA_UNREACHABLE: no answer' };
    expect(serviceRow({ ...service, state: 'backoff', lastExit }, undefined)).toMatchObject({
      condition: 'down',
      reason: 'exit code 1: PMC_KAFKA_UNREACHABLE: no answer',
    });
  });

  it('keeps saying how it ended once it runs again', () => {
    const lastExit = { reason: 'signal SIGKILL', lastLine: null };
    expect(serviceRow({ ...service, lastExit }, answer(true))).toMatchObject({
      condition: 'up',
      reason: 'last exit: signal SIGKILL',
    });
  });

  it('tells a stopped service from one that is down', () => {
    expect(serviceRow({ ...service, state: 'starting' }, undefined).condition).toBe('degraded');
    expect(serviceRow({ ...service, state: 'stopped' }, undefined).condition).toBe('stopped');
  });
});
