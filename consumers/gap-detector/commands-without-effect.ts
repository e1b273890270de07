// Commands that are stored and have no effect: nobody has handled them. The group of the commands service commits an offset when all that
// it had to do below it is durable, so a command below has its effect, or was passed over: by a reset of the group, or by a bug. One above
// is in flight, and so is every one where the group has not committed. Pure.
import type { Rules } from './rules.ts';
import type { Finding } from './verdict.ts';

export interface CommandWithoutEffect {
  readonly partition: number;
  readonly offset: bigint;
  readonly eventKey: string;
  readonly id: string | null;
  readonly source: string;
  readonly receivedAtMs: number;
  readonly storedAtMs: number;
}

/** How far the group of the commands service is on one partition. */
export interface GroupReach {
  readonly partition: number;
  /** What lies below may have left the log before there was a commands service. */
  readonly from: bigint;
  /** Below it the group is done; undefined where it has not committed. */
  readonly passed: bigint | undefined;
}

export interface CommandTimes {
  /** Effects of commands that were received before this may be forgotten; -Infinity: none is. */
  readonly rememberedFromMs: number;
  readonly nowMs: number;
  readonly graceMs: number;
}

/** `unreached`, `forgotten`: nobody can say any more. `young`, `in-flight`: nobody can say yet. */
export type CommandStanding = 'unreached' | 'forgotten' | 'young' | 'in-flight' | 'passed-over';

export interface JudgedCommands {
  readonly findings: readonly Finding[];
  /** Partitions with a command that the group should have come to by now, and since when it is stored. */
  readonly waiting: readonly { readonly partition: number; readonly sinceMs: number }[];
  /** Whether the group has ever committed on this topic, as far as the log remembers. */
  readonly hasCommitted: boolean;
  /** There are more findings than are listed. */
  readonly isCut: boolean;
}

/**
 * From where on a commands service had every record before it: what is on the log now was there whenever its group began, which it does at
 * the log's beginning; and what lies above a record that has an effect came after the group had.
 */
export function reachOf(
  partition: number,
  { logStart, highWatermark }: { readonly logStart: bigint; readonly highWatermark: bigint },
  { committed, firstHandled }: { readonly committed: bigint | undefined; readonly firstHandled: bigint | undefined },
): GroupReach {
  const from = firstHandled !== undefined && firstHandled < logStart ? firstHandled : logStart;
  // Beyond the end of the log: committed in another life of the topic.
  const isOfThisLog = committed !== undefined && committed <= highWatermark;
  return { partition, from, passed: isOfThisLog ? committed : undefined };
}

export function standingOf(
  { offset, receivedAtMs, storedAtMs }: Pick<CommandWithoutEffect, 'offset' | 'receivedAtMs' | 'storedAtMs'>,
  { from, passed }: Pick<GroupReach, 'from' | 'passed'>,
  { rememberedFromMs, nowMs, graceMs }: CommandTimes,
): CommandStanding {
  if (receivedAtMs < rememberedFromMs) return 'forgotten';
  if (offset < from) return 'unreached';
  if (storedAtMs > nowMs - graceMs) return 'young';
  return passed === undefined || offset >= passed ? 'in-flight' : 'passed-over';
}

export interface CommandInput extends CommandTimes {
  readonly topic: string;
  readonly incarnation: string;
  readonly reaches: readonly GroupReach[];
  readonly commands: readonly CommandWithoutEffect[];
  readonly isCut: boolean;
}

export function judgeCommands(
  { topic, incarnation, reaches, commands, isCut, ...times }: CommandInput,
  rules: Pick<Rules, 'standing'>,
): JudgedCommands {
  const findings: Finding[] = [];
  const waiting = new Map<number, number>();
  const byPartition = new Map(reaches.map((reach) => [reach.partition, reach]));
  for (const command of commands) {
    const { partition, offset, eventKey, id, source, receivedAtMs, storedAtMs } = command;
    const reach = byPartition.get(partition);
    const standing = reach === undefined ? undefined : rules.standing(command, reach, times);
    if (standing === 'in-flight') {
      waiting.set(partition, Math.min(storedAtMs, waiting.get(partition) ?? storedAtMs));
    } else if (standing === 'passed-over') {
      findings.push({
        ...{ kind: 'reply-missing', stage: 'command-to-reply', topic, partition, incarnation, offset: Number(offset) },
        ...{ source, eventKey, receivedAt: receivedAtMs, ...(id !== null && { id }) },
        detail: PASSED_OVER,
      });
    }
  }
  return {
    findings,
    waiting: [...waiting].map(([partition, sinceMs]) => ({ partition, sinceMs })),
    hasCommitted: reaches.some(({ passed }) => passed !== undefined),
    isCut,
  };
}

export const PASSED_OVER = 'the command has no effect, and the group of the commands service has passed it';
