// What a link of network namespaces is made of, and the commands that make, break, heal and remove it. Pure. The part lives in a
// namespace of its own; a pair of virtual interfaces joins it to everybody else:
//
//   clients ── near ═══════ far ── the part, in its namespace
//
// Names say who made them, so that what a killed run has left can be told from what is in use.
import { createHash } from 'node:crypto';
import type { LinkSettings } from './link-proxy.ts';
import type { LinkOutage } from './outages.ts';

export interface NamespaceSettings extends LinkSettings {
  /** `loss`: packets, each way. */
  readonly lossPercent: number;
}

export interface NamespaceLine {
  readonly namespace: string;
  readonly near: string;
  readonly far: string;
  readonly nearAddress: string;
  readonly farAddress: string;
}

export type Command = readonly [program: string, ...args: string[]];

/** A connection ends in order only where its ends say so, and a port refuses only where nobody listens: neither is the line's business. */
export type NamespaceOutage = Exclude<LinkOutage, 'cut' | 'refuse'>;
export const NAMESPACE_OUTAGES: readonly NamespaceOutage[] = [
  'reset',
  'delay',
  'throttle',
  'loss',
  'blackhole',
  'half-open',
];

const PREFIX = 'pmc-link';
/** 198.18.0.0/15 is set aside for tests of networks: nobody is reached by it. A line takes four addresses of it. */
const LINES = 2 ** 17 / 4;

export interface Maker {
  readonly pid: number;
  /** When that process started, as process-identity.ts tells it. */
  readonly startTime: string;
}

export function namespaceName({ pid, startTime }: Maker, run: string, n: number): string {
  return [PREFIX, pid, short(startTime), run.slice(-8).toLowerCase(), n].join('-');
}

/** Whose it is; undefined where it is none of ours. */
export function isMadeBy(namespace: string, startTimeOf: (pid: number) => string | undefined): boolean | undefined {
  const [, pid, started] = /^pmc-link-(\d+)-([0-9a-f]{8})-[0-9a-z]+-\d+$/.exec(namespace) ?? [];
  if (pid === undefined) return undefined;
  const startTime = startTimeOf(Number(pid));
  return startTime !== undefined && short(startTime) === started;
}

/** The n-th line there may be. Interfaces have names of at most 15 letters. */
export function lineOf(namespace: string, n: number): NamespaceLine {
  const first = (n % LINES) * 4;
  const address = (host: number): string => `198.${18 + (first >>> 16)}.${(first >>> 8) & 255}.${(first & 255) + host}`;
  const interfaceName = `pmc${short(namespace)}`;
  return {
    namespace,
    near: `${interfaceName}n`,
    far: `${interfaceName}f`,
    nearAddress: address(1),
    farAddress: address(2),
  };
}

export function makeLine({ namespace, near, far, nearAddress, farAddress }: NamespaceLine): readonly Command[] {
  return [
    ['ip', 'netns', 'add', namespace],
    ['ip', 'link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', namespace],
    ['ip', 'addr', 'add', `${nearAddress}/30`, 'dev', near],
    ['ip', '-n', namespace, 'addr', 'add', `${farAddress}/30`, 'dev', far],
    ['ip', '-n', namespace, 'link', 'set', 'lo', 'up'],
    ['ip', '-n', namespace, 'link', 'set', far, 'up'],
    ['ip', 'link', 'set', near, 'up'],
  ];
}

/** The interface first: the namespace lives on while a process is in it. */
export function removeLine(namespace: string): readonly Command[] {
  return [
    ['ip', 'link', 'del', lineOf(namespace, 0).near],
    ['ip', 'netns', 'del', namespace],
  ];
}

export function breakLine(
  outage: NamespaceOutage,
  line: NamespaceLine,
  { delayMs, bytesPerSecond, lossPercent }: NamespaceSettings,
): readonly Command[] {
  const { namespace, near, far, nearAddress } = line;
  /** Each end delays, drops or holds back what it sends. */
  const onBothEnds = (...how: readonly string[]): readonly Command[] => [
    ['tc', 'qdisc', 'replace', 'dev', near, 'root', ...how],
    ['tc', '-n', namespace, 'qdisc', 'replace', 'dev', far, 'root', ...how],
  ];
  switch (outage) {
    case 'reset':
      return [['ip', 'netns', 'exec', namespace, 'ss', '--tcp', '--kill', '--no-header', 'state', 'connected']];
    case 'delay':
      return onBothEnds('netem', 'delay', `${delayMs}ms`);
    case 'loss':
      return onBothEnds('netem', 'loss', `${lossPercent}%`);
    case 'throttle':
      return onBothEnds('tbf', 'rate', `${bytesPerSecond * 8}bit`, 'burst', '3000', 'latency', '2s');
    case 'blackhole':
      // The far end: with the near one down the senders would be told.
      return [['ip', '-n', namespace, 'link', 'set', far, 'down']];
    case 'half-open':
      return [['ip', '-n', namespace, 'route', 'add', 'blackhole', `${nearAddress}/32`]];
  }
}

export function healLine(
  outage: NamespaceOutage,
  { namespace, near, far, nearAddress }: NamespaceLine,
): readonly Command[] {
  switch (outage) {
    case 'reset':
      return [];
    case 'delay':
    case 'loss':
    case 'throttle':
      return [
        ['tc', 'qdisc', 'del', 'dev', near, 'root'],
        ['tc', '-n', namespace, 'qdisc', 'del', 'dev', far, 'root'],
      ];
    case 'blackhole':
      return [['ip', '-n', namespace, 'link', 'set', far, 'up']];
    case 'half-open':
      return [['ip', '-n', namespace, 'route', 'del', 'blackhole', `${nearAddress}/32`]];
  }
}

function short(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}
