// The sources that are to be dialled, as they are set. Pure.
import { isUser } from '../../schemas/source-names.ts';
import { PmcError } from '../../service/errors.ts';

export interface Source {
  /** Host, port and path of its url, without credentials or query. */
  readonly name: string;
  readonly url: string;
  /** `auto`: what its first frame is. */
  readonly protocol: 'auto' | 'legacy' | 'pmc.v1';
}

/** Each source by its name. Two of the same name would be one account, so they are refused. */
export function namedSources(settings: readonly string[]): ReadonlyMap<string, Source> {
  const named = new Map<string, Source>();
  for (const text of settings) {
    const [, fixed, url = ''] = /^(?:(legacy|pmc\.v1)\+)?(.*)$/.exec(text) ?? [];
    if (!URL.canParse(url) || url.includes('#')) {
      throw new PmcError('PMC_CONFIG_INVALID', `PMC_SOURCES has ${text}, which is not a URL without a fragment`, {
        url: text,
      });
    }
    const name = sourceName(url);
    if (isUser(name)) {
      const message = `PMC_SOURCES has a source named ${name}, as a user of the gateway would be; name its host otherwise`;
      throw new PmcError('PMC_CONFIG_INVALID', message, { name });
    }
    if (named.has(name)) {
      const message = `PMC_SOURCES has two sources named ${name}; sources must differ in host, port or path`;
      throw new PmcError('PMC_CONFIG_INVALID', message, { name });
    }
    named.set(name, { name, url, protocol: (fixed as 'legacy' | 'pmc.v1' | undefined) ?? 'auto' });
  }
  return named;
}

export function sourceName(url: string): string {
  const { host, pathname } = new URL(url);
  return `${host}${pathname === '/' ? '' : pathname}`;
}
