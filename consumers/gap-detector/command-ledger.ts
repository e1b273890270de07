// Reads what commands-without-effect.ts judges: how far the group of the commands service is, and the stored commands that have no effect.
//
// What else leaves a command without an effect, and how it is told:
//   an echo of our own reply          schemas/asked-command.ts takes it for no command, here as there
//   retention of the ledger           received before the mark in `forgotten`; the mark moves before anything is deleted
//   unreadable when it came           its entry in `quarantine`, closed since (`pmc dlq redrive`), has a code of the codec
//   a time of receipt no row can hold the row is flagged: the mark of retention says nothing of it
//   retention of the rows             `pmc rows purge`: no row, nothing is asked
// Whatever else the service refuses to answer (too old, over the limit) has an effect that says so.
import type { LogAdmin, TopicDescription } from '../../kafka/log.ts';
import { askedCommand } from '../../schemas/asked-command.ts';
import type { EventKind } from '../../schemas/generated.ts';
import { GROUP } from '../../schemas/topics.ts';
import type { Pool } from '../../service/database.ts';
import {
  type CommandStanding,
  type CommandWithoutEffect,
  type GroupReach,
  type JudgedCommands,
  judgeCommands,
} from './commands-without-effect.ts';
import { type Rules, SOUND_RULES } from './rules.ts';

export interface CommandTools {
  readonly admin: LogAdmin;
  readonly pool: Pool;
  /** The group of the commands service: another than the system's own in the drill. */
  readonly commandsGroup?: string;
  readonly rules?: Rules;
}

type Topic = Pick<TopicDescription, 'topic' | 'incarnation'>;

const LISTED_MAX = 10_000;
/** Each of at most 64 KiB. */
const PAGE_ROWS = 500;
const NO_END = 2n ** 63n - 1n;

/** All commands, and echoes of our own replies; the words are those of the index `message_metadata_commands`. */
const MAY_BE_COMMAND = `m.kind = 'message' and (m.type is null or m.type = 'text') and m.content like '/%'`;
const IS_EXCUSED = String.raw`(m.flags @> '{bad-received-at}' or exists (
  select from quarantine q where (q.incarnation, q.partition, q.record_offset) = (m.incarnation, m.partition, m.record_offset)
    and q.code like 'PMC\_CODEC\_%'))`;

// What is forgotten is left out by the mark of this moment already: of that there may be very much.
const PAGE = `
  select m.record_offset, m.id, m.event_id, m.source, m.kind, m.type, m.raw_payload::text as payload, m.received_at, m.created_at
  from message_metadata m
  where m.incarnation = $1 and m.partition = $2 and m.record_offset >= $3 and m.record_offset < $4 and ${MAY_BE_COMMAND}
    and not exists (select from forgotten f where f.what = 'effects' and m.received_at < f.before)
    and not exists (select from effects e where e.event_key = m.id)
    and not ${IS_EXCUSED}
  order by m.record_offset limit ${PAGE_ROWS}`;

interface CommandRow {
  readonly record_offset: string;
  readonly id: string;
  readonly event_id: string | null;
  readonly source: string;
  readonly kind: EventKind;
  readonly type: string | null;
  readonly payload: string;
  readonly received_at: Date;
  readonly created_at: Date;
}

/**
 * Commits first: what the group has passed by then has its effect in the database by now. The mark of what is forgotten last: whatever
 * effect was deleted before we asked for it lies before the mark.
 */
export async function lookAtCommands(
  tools: CommandTools,
  incoming: Topic,
  nowMs: number,
  graceMs: number,
): Promise<JudgedCommands> {
  const { pool, rules = SOUND_RULES } = tools;
  const reaches = await reachesOf(tools, incoming);
  const commands: CommandWithoutEffect[] = [];
  let isCut = false;
  for (const { partition, from, passed = from } of reaches) {
    const at = { incarnation: incoming.incarnation, partition };
    const below = await withoutEffect(pool, { ...at, lower: from, upper: passed }, LISTED_MAX - commands.length);
    // One tells that they wait.
    const above = await withoutEffect(pool, { ...at, lower: passed > from ? passed : from, upper: NO_END }, 1);
    isCut ||= below.isCut;
    commands.push(...below.commands, ...above.commands);
  }
  const rememberedFromMs = await rememberedFrom(pool);
  return judgeCommands({ ...incoming, reaches, commands, isCut, rememberedFromMs, nowMs, graceMs }, rules);
}

async function reachesOf(
  { admin, pool, commandsGroup = GROUP.commands, rules = SOUND_RULES }: CommandTools,
  { topic, incarnation }: Topic,
): Promise<readonly GroupReach[]> {
  const committed = await admin.committed(commandsGroup, topic);
  const ends = await admin.ends(topic);
  const { rows } = await pool.query<{ partition: number; first: string }>(
    'select partition, min(record_offset) as first from effects where incarnation = $1 group by partition',
    [incarnation],
  );
  const handled = new Map(rows.map(({ partition, first }) => [partition, BigInt(first)]));
  return [...ends].map(([partition, end]) =>
    rules.reach(partition, end, { committed: committed.get(partition), firstHandled: handled.get(partition) }),
  );
}

interface CommandRange {
  readonly incarnation: string;
  readonly partition: number;
  readonly lower: bigint;
  readonly upper: bigint;
}

/** The first commands of [lower, upper) without an effect. */
async function withoutEffect(
  pool: Pool,
  { incarnation, partition, lower, upper }: CommandRange,
  commandsMax: number,
): Promise<{ readonly commands: readonly CommandWithoutEffect[]; readonly isCut: boolean }> {
  const commands: CommandWithoutEffect[] = [];
  for (let from = lower; from < upper; ) {
    const values = [incarnation, partition, String(from), String(upper)];
    const { rows } = await pool.query<CommandRow>({ name: 'audit-commands-without-effect', text: PAGE, values });
    for (const row of rows) {
      const { kind, type, payload } = row;
      if (askedCommand({ kind, type, payload: Buffer.from(payload) }).kind !== 'command') continue;
      if (commands.length >= commandsMax) return { commands, isCut: true };
      commands.push({
        ...{ partition, offset: BigInt(row.record_offset), eventKey: row.id, id: row.event_id, source: row.source },
        ...{ receivedAtMs: row.received_at.getTime(), storedAtMs: row.created_at.getTime() },
      });
    }
    if (rows.length < PAGE_ROWS) break;
    from = BigInt(rows.at(-1)?.record_offset ?? upper) + 1n;
  }
  return { commands, isCut: false };
}

async function rememberedFrom(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ before: Date }>(`select before from forgotten where what = 'effects'`);
  return rows[0]?.before.getTime() ?? Number.NEGATIVE_INFINITY;
}

/** Of one event for which no effect was found, for who asks what became of it: whether it should have one. */
export async function commandStandingOf(
  tools: CommandTools,
  incoming: Topic,
  command: Omit<CommandWithoutEffect, 'id' | 'source'>,
  event: Parameters<typeof askedCommand>[0],
): Promise<CommandStanding | 'own-reply' | 'excused' | null> {
  const { kind } = askedCommand(event);
  if (kind !== 'command') return kind === 'own-reply' ? kind : null;
  const { pool, rules = SOUND_RULES } = tools;
  const reaches = await reachesOf(tools, incoming);
  const reach = reaches.find(({ partition }) => partition === command.partition);
  if (reach === undefined) return 'unreached';
  const { rows } = await pool.query<{ has_effect: boolean; is_excused: boolean }>(
    `select exists (select from effects where event_key = $4) as has_effect, exists (select from message_metadata m
       where m.incarnation = $1 and m.partition = $2 and m.record_offset = $3 and ${IS_EXCUSED}) as is_excused`,
    [incoming.incarnation, command.partition, String(command.offset), command.eventKey],
  );
  if (rows[0]?.is_excused === true) return 'excused';
  // It came after we had asked for the effect, and perhaps before the group committed.
  if (rows[0]?.has_effect === true) return 'in-flight';
  const everythingIsOld = { nowMs: Number.POSITIVE_INFINITY, graceMs: 0 };
  return rules.standing(command, reach, { rememberedFromMs: await rememberedFrom(pool), ...everythingIsOld });
}
