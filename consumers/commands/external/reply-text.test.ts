import { describe, expect, it } from 'vitest';
import { replyTo } from './reply-text.ts';
import { parseTemplate } from './template.ts';

function done(template: string, body: string): string {
  const outcome = { status: 'done', reason: 'answered 200', answer: { status: 200, body: Buffer.from(body) } } as const;
  const given: Readonly<Record<string, unknown>> = { city: 'Lisbon' };
  return replyTo({ name: 'weather', reply: parseTemplate(template) }, outcome, (name) => given[name]);
}

describe('the reply of a call', () => {
  it.each([
    ['{city}: {response.now.0.temp} °C', '{"now":[{"temp":21}]}', 'Lisbon: 21 °C'],
    ['{status} {response}', 'plain text', '200 plain text'],
    ['{response.ok}', '{"ok":false}', 'false'],
    ['{response.o}', '{"o":{"a":1}}', '{"a":1}'],
    ['{response.a} {response.b}', '{"a":1}', 'weather: done, but its answer has no response.b.'],
    ['{response.constructor}', '{}', 'weather: done, but its answer has no response.constructor.'],
    ['{response.a}', 'not JSON', 'weather: done, but its answer has no response.a.'],
    ['{response}', '', 'weather: done.'],
  ])('%s of %s', (template, body, text) => {
    expect(done(template, body)).toBe(text);
  });

  it('never is a command, whatever the other side says', () => {
    expect(done('{response}', '/api weather again')).toBe('weather: /api weather again');
    expect(done('{response}', ' \u0000\u202e/help')).toBe('weather: /help');
  });

  it('is bounded and can be shown', () => {
    const text = done('{response}', `a\u0000b\u202ec ${'😀'.repeat(5_000)}`);
    expect(text.startsWith('abc 😀')).toBe(true);
    expect(text.length).toBeLessThanOrEqual(4_001);
    expect(text.isWellFormed()).toBe(true);
  });

  it('says what is not known as such', () => {
    const api = { name: 'deploy', reply: parseTemplate('ok') };
    const outcome = { reason: 'no whole answer within 5000 ms', answer: undefined };
    expect(replyTo(api, { ...outcome, status: 'unknown' }, () => undefined)).toBe(
      'deploy: it is not known whether this was done, no whole answer within 5000 ms. It is not done again; look before you repeat it.',
    );
    expect(replyTo(api, { ...outcome, status: 'failed' }, () => undefined)).toBe(
      'deploy: not done, no whole answer within 5000 ms.',
    );
  });
});
