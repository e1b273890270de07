// A link of network namespaces, where this machine and its kernel let one be made: packets are lost, late or held back by the kernel,
// and TCP does what it does, which no proxy shows. What cannot be had is said, with the reason. It removes what it made; what a
// killed run has left is removed when the next link is made.
import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { promisify } from 'node:util';
import { PmcError } from '../../service/errors.ts';
import { identityOf, startTimeOf } from '../../service/process-identity.ts';
import {
  breakLine,
  type Command,
  healLine,
  isMadeBy,
  lineOf,
  makeLine,
  NAMESPACE_OUTAGES,
  type NamespaceLine,
  type NamespaceOutage,
  type NamespaceSettings,
  namespaceName,
  removeLine,
} from './namespace-commands.ts';
import type { LinkOutage } from './outages.ts';

export interface Lacking {
  readonly outage: NamespaceOutage;
  readonly why: string;
}

export type NamespaceSupport =
  | { readonly isAvailable: true; readonly outages: readonly NamespaceOutage[]; readonly lacking: readonly Lacking[] }
  | { readonly isAvailable: false; readonly why: string };

const COMMAND_WITHIN_MS = 10_000;
const DEFAULTS: NamespaceSettings = { delayMs: 200, bytesPerSecond: 10_000, lossPercent: 20 };
const LINES_DRAWN_FROM = 32_768;
const execute = promisify(execFile);

export class NamespaceLink {
  static #made = 0;
  readonly line: NamespaceLine;
  readonly #settings: NamespaceSettings;
  #outage: NamespaceOutage | undefined;

  /** What can be had here, found out by making a link and breaking it in every way. */
  static async support(): Promise<NamespaceSupport> {
    if (process.platform !== 'linux')
      return { isAvailable: false, why: `${process.platform} has no network namespaces` };
    let link: NamespaceLink;
    try {
      link = await NamespaceLink.open('probe');
    } catch (error) {
      return { isAvailable: false, why: reasonOf(error) };
    }
    const lacking: Lacking[] = [];
    try {
      for (const outage of NAMESPACE_OUTAGES) {
        try {
          await link.begin(outage);
          await link.heal();
        } catch (error) {
          lacking.push({ outage, why: reasonOf(error) });
        }
      }
    } finally {
      await link.close();
    }
    const outages = NAMESPACE_OUTAGES.filter((outage) => !lacking.some((one) => one.outage === outage));
    return { isAvailable: true, outages, lacking };
  }

  /** Removes the links of processes that do not run any more; returns their names. */
  static async removeAbandoned(): Promise<readonly string[]> {
    const { stdout } = await execute('ip', ['netns', 'list'], { timeout: COMMAND_WITHIN_MS });
    const abandoned = stdout
      .split('\n')
      .map((line) => line.split(' ', 1)[0] ?? '')
      .filter((name) => isMadeBy(name, startTimeOf) === false);
    for (const name of abandoned) await tryAll(removeLine(name));
    return abandoned;
  }

  /** Throws PMC_NAMESPACES_UNAVAILABLE with the reason. `run` becomes a part of the names. */
  static async open(run: string, settings: Partial<NamespaceSettings> = {}): Promise<NamespaceLink> {
    const maker = identityOf(process.pid);
    if (maker === undefined) throw unavailable(new Error('this process does not know when it started'));
    let namespace = '';
    try {
      await NamespaceLink.removeAbandoned();
      const line = await freeLine(namespaceName(maker, run, ++NamespaceLink.#made));
      namespace = line.namespace;
      for (const command of makeLine(line)) await runCommand(command);
      return new NamespaceLink(line, { ...DEFAULTS, ...settings });
    } catch (error) {
      if (namespace !== '') await tryAll(removeLine(namespace));
      throw unavailable(error);
    }
  }

  private constructor(line: NamespaceLine, settings: NamespaceSettings) {
    this.line = line;
    this.#settings = settings;
  }

  /** Where the part is dialled that listens in the namespace. */
  get host(): string {
    return this.line.farAddress;
  }

  /** The command that runs a program on the far side. */
  inside(command: string, args: readonly string[]): { readonly command: string; readonly args: readonly string[] } {
    return { command: 'ip', args: ['netns', 'exec', this.line.namespace, command, ...args] };
  }

  /** Begins an outage; a second one replaces the first. */
  async begin(outage: LinkOutage): Promise<void> {
    await this.heal();
    if (outage === 'cut' || outage === 'refuse') throw new Error(`a line cannot ${outage}: that is for its ends to do`);
    this.#outage = outage;
    for (const command of breakLine(outage, this.line, this.#settings)) await runCommand(command);
  }

  /** Everything passes again. Connections live on, if their ends have not given up. */
  async heal(): Promise<void> {
    const outage = this.#outage;
    this.#outage = undefined;
    if (outage !== undefined) await tryAll(healLine(outage, this.line));
  }

  async close(): Promise<void> {
    await tryAll(removeLine(this.line.namespace));
  }
}

/** A line whose addresses nobody here has. */
async function freeLine(namespace: string): Promise<NamespaceLine> {
  const { stdout } = await execute('ip', ['-4', '-o', 'addr', 'show'], { timeout: COMMAND_WITHIN_MS });
  for (;;) {
    const line = lineOf(namespace, randomInt(LINES_DRAWN_FROM));
    if (!stdout.includes(` ${line.nearAddress}/`)) return line;
  }
}

async function runCommand([program, ...args]: Command): Promise<void> {
  await execute(program, args, { timeout: COMMAND_WITHIN_MS });
}

/** What is gone already needs no removing. */
async function tryAll(commands: readonly Command[]): Promise<void> {
  for (const command of commands) await runCommand(command).catch(() => undefined);
}

function unavailable(cause: unknown): PmcError {
  const message = `no link of network namespaces can be made here: ${reasonOf(cause)}`;
  return new PmcError('PMC_NAMESPACES_UNAVAILABLE', message, {}, { cause });
}

/** What the program said, without what it was asked. */
function reasonOf(error: unknown): string {
  if (error instanceof PmcError) return reasonOf(error.cause);
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && error.code === 'ENOENT' && 'path' in error) return `there is no program ${String(error.path)}`;
  const said = 'stderr' in error && typeof error.stderr === 'string' ? error.stderr.trim() : '';
  return said === '' ? error.message : said.replaceAll('\n', ' ');
}
