// From which pages a browser may connect. A browser sends its page's origin with every WebSocket handshake and no script can
// change that, while nothing else keeps a foreign page from connecting with what its visitor has. What sends no origin is no
// browser, hence not what this is about: it needs its token. No wildcards: `*.example.org` also admits the forgotten page of
// a subdomain, and lists are short. Pure.

/** Whether a handshake with this header `Origin` may go on; scheme, host and port must be those of one that is allowed. */
export function isAllowedOrigin(origin: string | undefined, allowed: readonly string[]): boolean {
  if (origin === undefined) return true;
  const given = normalised(origin);
  return given !== undefined && allowed.some((one) => normalised(one) === given);
}

/**
 * As browsers write it: lower case, without the scheme's own port. Undefined for anything that is more or less than an origin,
 * such as `null`, which every sandboxed page and every file has.
 */
function normalised(origin: string): string | undefined {
  const [, scheme = '', rest = ''] = /^([a-z][a-z0-9+.-]*):\/\/([^\s/?#@\\]+)$/i.exec(origin) ?? [];
  if (!URL.canParse(origin)) return undefined;
  const url = new URL(origin);
  // Schemes of applications (capacitor:, tauri:) have no origin in this sense; their text is compared.
  return url.origin === 'null' ? (scheme && `${scheme}://${rest}`.toLowerCase()) || undefined : rest && url.origin;
}
