// What the commands service counts, for Prometheus and, as plain totals since the process started, for people.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { GROUP } from '../../schemas/topics.ts';

/** What became of a command that was read. */
export type CommandOutcome =
  | 'replied'
  | 'called'
  | 'limited'
  | 'silenced'
  | 'stale'
  | 'repeated'
  | 'refused'
  | 'own'
  | 'undecodable';

export interface CommandsMetrics {
  readonly totals: Readonly<Record<TotalName, number>>;
  consumed(topic: string, records: number): void;
  handled(command: string, outcome: CommandOutcome): void;
  /** An effect that did not take place because it had already, or because its command was too old. */
  suppressed(kind: 'reply'): void;
  answered(sinceReceiptMs: number): void;
  /** A call of an external API or a webhook ended, or was put off. */
  callEnded(target: string, status: 'done' | 'failed' | 'unknown' | 'postponed'): void;
  /** One attempt of a call ended. */
  attempted(target: string, status: 'done' | 'failed' | 'unknown'): void;
  relayed(replies: number): void;
  /** Retention deleted rows. */
  forgot(what: 'effects' | 'outbox', rows: number): void;
  appendFailed(outcome: 'rejected' | 'unknown', replies: number): void;
  unsent(replies: number): void;
  retried(): void;
  assigned(partitions: number): void;
}

type TotalName =
  | 'recordsConsumed'
  | 'commandsHandled'
  | 'effectsSuppressed'
  | 'undecodable'
  | 'repliesRelayed'
  | 'retries';

export function commandsMetrics(registry: Registry): CommandsMetrics {
  const registers = [registry];
  const consumed = new Counter({
    name: 'pmc_consumed_messages_total',
    help: 'Records handled, by group and topic.',
    labelNames: ['group', 'topic'],
    registers,
  });
  const commands = new Counter({
    name: 'pmc_commands_total',
    help: 'Commands by name (unknown for names that do not exist) and outcome: replied, called (an external API), limited (told that it is sent too often), silenced (told so too often), stale, repeated (the same command again), refused (the database does not take its effect; it is not answered), own (one of our own replies), undecodable.',
    labelNames: ['command', 'outcome'],
    registers,
  });
  const suppressed = new Counter({
    name: 'pmc_effects_suppressed_total',
    help: 'Effects that were not repeated in a replay, or not started because their command was too old, by kind.',
    labelNames: ['kind'],
    registers,
  });
  const duration = new Histogram({
    name: 'pmc_command_duration_seconds',
    help: 'From the receipt of a command at the gateway to its reply in the outbox.',
    buckets: [0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.5, 5, 10, 30],
    registers,
  });
  const unsent = new Gauge({
    name: 'pmc_outbox_unsent',
    help: 'Replies in the outbox that are not yet on the log.',
    registers,
  });
  const relayed = new Counter({ name: 'pmc_outbox_relayed_total', help: 'Replies appended to the log.', registers });
  const failures = new Counter({
    name: 'pmc_outbox_append_failures_total',
    help: 'Replies whose append was rejected or has an unknown outcome; each is appended again.',
    labelNames: ['outcome'],
    registers,
  });
  const calls = new Counter({
    name: 'pmc_api_calls_total',
    help: 'Calls of external APIs and webhooks by target and status: done, failed, unknown (nobody can say whether it was done); postponed each time that a webhook could not be told and will be told later.',
    labelNames: ['target', 'status'],
    registers,
  });
  const attempts = new Counter({
    name: 'pmc_api_attempts_total',
    help: 'Attempts at calls of external APIs and webhooks, by target and status; a call may need several.',
    labelNames: ['target', 'status'],
    registers,
  });
  const forgotten = new Counter({
    name: 'pmc_retention_deleted_total',
    help: 'Rows that retention deleted, by table.',
    labelNames: ['table'],
    registers,
  });
  const retries = new Counter({
    name: 'pmc_command_retries_total',
    help: 'Repeats of a step because the database or the registry did not answer.',
    registers,
  });
  const assigned = new Gauge({
    name: 'pmc_assigned_partitions',
    help: 'Partitions assigned to this member.',
    registers,
  });
  const rebalances = new Counter({
    name: 'pmc_rebalances_total',
    help: 'Assignments received from the group.',
    registers,
  });

  const totals: Record<TotalName, number> = {
    recordsConsumed: 0,
    commandsHandled: 0,
    effectsSuppressed: 0,
    undecodable: 0,
    repliesRelayed: 0,
    retries: 0,
  };
  return {
    totals,
    consumed: (topic, records) => {
      consumed.inc({ group: GROUP.commands, topic }, records);
      totals.recordsConsumed += records;
    },
    handled: (command, outcome) => {
      commands.inc({ command, outcome });
      if (outcome === 'replied' || outcome === 'called' || outcome === 'limited') totals.commandsHandled += 1;
      if (outcome === 'undecodable') totals.undecodable += 1;
    },
    suppressed: (kind) => {
      suppressed.inc({ kind });
      totals.effectsSuppressed += 1;
    },
    answered: (sinceReceiptMs) => duration.observe(Math.max(0, sinceReceiptMs) / 1_000),
    callEnded: (target, status) => calls.inc({ target, status }),
    attempted: (target, status) => attempts.inc({ target, status }),
    forgot: (table, rows) => forgotten.inc({ table }, rows),
    relayed: (replies) => {
      relayed.inc(replies);
      totals.repliesRelayed += replies;
    },
    appendFailed: (outcome, replies) => failures.inc({ outcome }, replies),
    unsent: (replies) => unsent.set(replies),
    retried: () => {
      retries.inc();
      totals.retries += 1;
    },
    assigned: (partitions) => {
      assigned.set(partitions);
      rebalances.inc();
    },
  };
}
