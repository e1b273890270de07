// What a command is made of. A new one is a file in replies/ and a line in the registry.
import type { Command } from './command.ts';
import type { About, FactName, Facts } from './facts.ts';

export interface Asked {
  readonly command: Command;
  /** Milliseconds since the Unix epoch at which the gateway received the command. */
  readonly receivedAtMs: number;
  readonly nowMs: number;
  /** Those the definition needs; a missing one is unknown. */
  readonly facts: Facts;
  readonly about: About;
  readonly definitions: readonly CommandDefinition[];
}

export interface CommandDefinition {
  readonly name: string;
  /** What it tells, for /help: a few words without a full stop. */
  readonly description: string;
  /** Facts to collect before it can answer; only these are asked for. */
  readonly needs: readonly FactName[];
  /** The text of the one visible reply. Pure. */
  reply(asked: Asked): string;
}
