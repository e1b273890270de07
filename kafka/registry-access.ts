// How to reach a schema registry and be let in. The login stands in its address, as `user:password@`, and nowhere else: what is
// shown, logged or kept in a file is the address without it.
export interface RegistryAccess {
  /** Without a login and without a slash at its end. */
  readonly url: string;
  readonly auth?: { readonly username: string; readonly password: string };
}

export function registryAccess(registryUrl: string): RegistryAccess {
  const url = new URL(registryUrl);
  const [username, password] = [unescaped(url.username), unescaped(url.password)];
  url.username = '';
  url.password = '';
  return { url: url.href.replace(/\/+$/, ''), ...((username || password) && { auth: { username, password } }) };
}

/** A percent sign that escapes nothing stands for itself. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** One GET of a path of the registry. Rejects when it does not answer in time. */
export function fetchFromRegistry({ url, auth }: RegistryAccess, path: string, answerMs: number): Promise<Response> {
  const login = auth && Buffer.from(`${auth.username}:${auth.password}`).toString('base64');
  return fetch(`${url}${path}`, {
    signal: AbortSignal.timeout(answerMs),
    headers: login === undefined ? {} : { authorization: `Basic ${login}` },
  });
}
