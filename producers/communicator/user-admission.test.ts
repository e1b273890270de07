import { describe, expect, test } from 'vitest';
import type { Hello } from '../../schemas/protocol/frames.ts';
import type { Admission } from './admission.ts';
import type { TokenVerdict } from './token-directory.ts';
import { admitUsers } from './user-admission.ts';

const HELLO: Hello = { op: 'hello', v: 1, stream: 's', epoch: 'E' };

async function admitted(verdict: TokenVerdict, sourceRate?: number): Promise<Admission> {
  return await admitUsers(
    { check: () => Promise.resolve(verdict) },
    { userRate: 50, userBurst: 100, sourceRate },
  )(HELLO);
}

function token(role: 'user' | 'source' | 'viewer' | 'operator' | 'admin'): TokenVerdict {
  return { ok: true, role, subject: 'ana', tokenId: 't1', expiresAtMs: null };
}

describe('who may speak on the port of users', () => {
  test('is a user by its name, at the rate of users', async () => {
    const granted = { ok: true, source: 'user:ana', isDialled: false, tokenId: 't1', rate: 50, burst: 100 };
    for (const role of ['user', 'operator', 'admin'] as const) expect(await admitted(token(role))).toEqual(granted);
  });

  test('is a source under another name than a user of the same subject, without a rate where none is set', async () => {
    expect(await admitted(token('source'))).toMatchObject({ source: 'source:ana', rate: null, burst: null });
    expect(await admitted(token('source'), 500)).toMatchObject({ rate: null, pausedAt: 500 });
  });

  test('is not a viewer', async () => {
    expect(await admitted(token('viewer'))).toMatchObject({ ok: false, error: 'forbidden', close: 'forbidden' });
  });

  test.each([
    ['unauthorized', 'unauthorized'],
    ['tokenExpired', 'unauthorized'],
    ['internal', 'internal'],
  ] as const)('is not one whose token is answered with %s, closed as %s', async (error, close) => {
    expect(await admitted({ ok: false, error })).toMatchObject({ ok: false, error, close });
  });

  test('a hello without a token asks for none', async () => {
    const asked: string[] = [];
    const check = async (one: string): Promise<TokenVerdict> => {
      asked.push(one);
      return { ok: false, error: 'unauthorized' };
    };
    const admit = admitUsers({ check }, { userRate: 1, userBurst: 1, sourceRate: undefined });
    await admit(HELLO);
    await admit({ ...HELLO, token: 'x' });
    expect(asked).toEqual(['', 'x']);
  });
});
