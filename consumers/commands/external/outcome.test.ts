import { describe, expect, it } from 'vitest';
import { abandonedAttempt, type Exchange, judge, lastWord } from './outcome.ts';

const POST = { method: 'POST', isIdempotent: false } as const;
const GET = { method: 'GET', isIdempotent: true } as const;
const KEYED = { method: 'POST', isIdempotent: true } as const;

const answered = (status: number): Exchange => ({ kind: 'answered', status, location: '/x', body: Buffer.alloc(0) });
const lost: Exchange = { kind: 'no-answer', reason: 'reset' };
const notSent: Exchange = { kind: 'not-sent', reason: 'connection refused', isOurs: false };
const notBegun: Exchange = { kind: 'not-sent', reason: 'busy', isOurs: true };

describe('one attempt', () => {
  it.each([
    [answered(200), POST, 'done', false],
    [answered(204), GET, 'done', false],
    [answered(302), POST, 'failed', false],
    [answered(304), GET, 'failed', false],
    [answered(404), GET, 'failed', false],
    [answered(429), POST, 'failed', true],
    [answered(503), POST, 'failed', true],
    [answered(500), POST, 'failed', false],
    [answered(500), KEYED, 'failed', true],
    [answered(504), POST, 'unknown', false],
    [answered(502), KEYED, 'unknown', true],
    [answered(504), GET, 'failed', true],
    [lost, POST, 'unknown', false],
    [lost, KEYED, 'unknown', true],
    [lost, GET, 'failed', true],
    [notSent, POST, 'failed', true],
    [notBegun, POST, 'failed', true],
    [{ kind: 'refused', reason: 'private' }, GET, 'failed', false],
  ] as const)('%j of %j is %s, repeatable: %s', (exchange, endpoint, status, isRepeatable) => {
    expect(judge(exchange, endpoint)).toMatchObject({ status, isRepeatable });
  });

  it('does not hold a refusal by the other side against its health', () => {
    expect(judge(answered(404), POST).isEndpointIll).toBe(false);
    expect(judge(answered(500), POST).isEndpointIll).toBe(true);
    expect(judge(notSent, POST).isEndpointIll).toBe(true);
    expect(judge(notBegun, POST)).toMatchObject({ isEndpointIll: false, isOurs: true });
  });

  it('says where a redirect leads, and that nobody goes there', () => {
    expect(judge(answered(301), GET).reason).toBe('answered 301, a redirect to /x, which is not followed');
  });
});

describe('several attempts', () => {
  it('stay unknown when one of them may have arrived and none was done', () => {
    expect(lastWord([judge(lost, KEYED), judge(notSent, KEYED)]).status).toBe('unknown');
    expect(lastWord([judge(lost, KEYED), judge(answered(500), KEYED)]).status).toBe('unknown');
    expect(lastWord([judge(notSent, POST), judge(answered(404), POST)]).status).toBe('failed');
  });

  it('go by the last one as to whether another can help', () => {
    const refused = lastWord([judge(lost, KEYED), judge(answered(410), KEYED)]);
    expect(refused).toMatchObject({ status: 'unknown', isRepeatable: false, isEndpointIll: false });
    expect(refused.reason).toBe('reset, then answered 410');
    const away = lastWord([judge(lost, KEYED), judge(notSent, KEYED)]);
    expect(away).toMatchObject({ status: 'unknown', isRepeatable: true, isEndpointIll: true });
    const busy = lastWord([judge(lost, KEYED), judge(notBegun, KEYED)]);
    expect(busy).toMatchObject({ status: 'unknown', isRepeatable: true, isEndpointIll: false, isOurs: true });
  });

  it.each([notSent, answered(409), answered(404), answered(500)])(
    'stay unknown behind one that nobody came back from, unless there is nothing to do: %j',
    (exchange) => {
      expect(lastWord([abandonedAttempt(KEYED, 'gone'), judge(exchange, KEYED)]).status).toBe('unknown');
      expect(lastWord([abandonedAttempt(GET, 'gone'), judge(exchange, GET)]).status).toBe('failed');
    },
  );

  it('are done when the last one is', () => {
    expect(lastWord([judge(lost, KEYED), judge(answered(200), KEYED)]).status).toBe('done');
  });
});
