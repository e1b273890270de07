// Who a user is, by the token in its hello.
import { sourceOfUser } from '../../schemas/source-names.ts';
import type { ConfigOf } from '../../service/config.ts';
import type { Admission, Admit } from './admission.ts';
import type { communicatorSettings } from './config.ts';
import type { TokenVerdict } from './token-directory.ts';

type Limits = Pick<ConfigOf<typeof communicatorSettings>, 'userRate' | 'userBurst' | 'sourceRate'>;

const REASON = {
  unauthorized: 'the token is missing, unknown or revoked',
  tokenExpired: 'the token has expired',
  internal: 'tokens cannot be checked at the moment',
} as const;

interface Tokens {
  readonly check: (token: string) => Promise<TokenVerdict>;
}

export function admitUsers(tokens: Tokens, { userRate, userBurst, sourceRate }: Limits): Admit {
  return async ({ token }): Promise<Admission> => {
    const verdict = await tokens.check(token ?? '');
    if (!verdict.ok) {
      const { error } = verdict;
      return { ok: false, error, reason: REASON[error], close: error === 'internal' ? 'internal' : 'unauthorized' };
    }
    const { role, subject, tokenId } = verdict;
    if (role === 'viewer') {
      const reason = 'a token of this role reads the console; it sends nothing';
      return { ok: false, error: 'forbidden', reason, close: 'forbidden' };
    }
    return role === 'source'
      ? {
          ok: true,
          source: `source:${subject}`,
          isDialled: false,
          tokenId,
          rate: null,
          burst: null,
          pausedAt: sourceRate,
        }
      : { ok: true, source: sourceOfUser(subject), isDialled: false, tokenId, rate: userRate, burst: userBurst };
  };
}
