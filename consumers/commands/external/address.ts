// Which addresses may be called; pure. Private, local, shared, reserved, mapped and translated ones lead into networks that
// the public cannot see and an API of the public has no business in.
import ipaddr from 'ipaddr.js';

export interface Address {
  readonly address: string;
  readonly family: 4 | 6;
}

/** Whether anybody on the internet could be meant by it. */
export function isPublic(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  // `process` makes an IPv4 address of one that is mapped into IPv6.
  return ipaddr.process(address).range() === 'unicast';
}

/** Undefined where all of them may be called; else a sentence. One bad one is enough: a name that has both is a trick. */
export function refusalOf(host: string, addresses: readonly Address[], allowsPrivate: boolean): string | undefined {
  if (addresses.length === 0) return `${host} has no address`;
  const bad = allowsPrivate ? undefined : addresses.find(({ address }) => !isPublic(address));
  return bad === undefined ? undefined : `${host} leads to ${bad.address}, which is not a public address`;
}
