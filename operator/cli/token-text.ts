// Tokens for people. Pure. The token itself never comes here: it is shown once, by the command that makes it.
import type { StoredToken } from '../../service/token-store.ts';
import { table } from './status-text.ts';

export function tokensText(tokens: readonly StoredToken[]): string {
  if (tokens.length === 0) return 'no tokens; pmc token create makes one\n';
  const lines = tokens.map(({ id, role, subject, state, createdAt, expiresAt, revokedAt, note }) => [
    ...[id, role, subject],
    state === 'revoked' ? `revoked ${minute(revokedAt)}` : state,
    ...[minute(createdAt), expiresAt === null ? 'never' : minute(expiresAt), note ?? ''],
  ]);
  return `${table([['id', 'role', 'subject', 'state', 'created', 'expires', 'note'], ...lines])}\n`;
}

export function createdText({ id, role, subject, expiresAt }: StoredToken): string {
  const until = expiresAt === null ? 'until it is revoked' : `until ${minute(expiresAt)}`;
  return `token ${id} of ${subject} (${role}), ${until}; it is shown this once, only its hash is kept\n`;
}

function minute(time: string | null): string {
  return time === null ? '-' : `${time.slice(0, 16).replace('T', ' ')}Z`;
}
