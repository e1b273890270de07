// `pmc audit drill`: the detector is tested by planted faults, on the real servers, in scratch topics and tables of its own. A
// clean log first, of which nothing may be found; then one with every fault, of which everything must be found and nothing else.
import type { LogAdmin, RangeReader } from '../../../kafka/log.ts';
import type { Clock } from '../../../service/clock.ts';
import { type AuditTools, boundedAudit } from '../bounded-audit.ts';
import type { AuditReport } from '../report.ts';
import type { Rules } from '../rules.ts';
import type { Finding } from '../verdict.ts';
import { cleanPlan, faultyPlan } from './cases.ts';
import type { DrillPlan } from './plan.ts';
import { type Score, score } from './score.ts';
import { Scratch, type ScratchServers } from './scratch.ts';

export interface DrillServers extends ScratchServers {
  readonly admin: LogAdmin;
  readonly ranges: RangeReader;
  readonly clock: Clock;
}

export interface DrillOptions {
  readonly seed: number;
  /** About how many clean events lie around the faults. */
  readonly records: number;
  readonly graceMs: number;
  readonly onProgress?: (text: string) => void;
}

export interface DrillReport extends Score {
  readonly schemaVersion: 1;
  readonly seed: number;
  readonly records: number;
  readonly startedAt: string;
  readonly finishedAt: string;
  /** The same audit of a log without a fault. */
  readonly clean: Pick<Score, 'precision' | 'falseAlarms' | 'wrongAccounts' | 'isPassed'> & {
    readonly verdict: AuditReport['verdict'];
  };
  readonly command: string;
}

export const DRILL_RECORDS = 5_000;

export async function drill(servers: DrillServers, options: DrillOptions): Promise<DrillReport> {
  const { seed, records, onProgress } = options;
  const startedAtMs = servers.clock.nowMs();
  onProgress?.('auditing a clean log');
  const sound = await drillClean(servers, options);
  onProgress?.('planting faults');
  await using planted = await PlantedDrill.plant(servers, options);
  const found = await planted.audit();
  const { precision, falseAlarms, wrongAccounts, isPassed, verdict } = sound;
  return {
    schemaVersion: 1,
    seed,
    records,
    startedAt: new Date(startedAtMs).toISOString(),
    finishedAt: new Date(servers.clock.nowMs()).toISOString(),
    ...found,
    isPassed: found.isPassed && isPassed,
    clean: { precision, falseAlarms, wrongAccounts, isPassed, verdict },
    command: `pmc audit drill --seed ${seed} --records ${records}`,
  };
}

async function drillClean(servers: DrillServers, options: DrillOptions) {
  await using scratch = await Scratch.create(servers);
  const { seed, records } = options;
  const plan = cleanPlan({ seed, records, topics: scratch.names, nowMs: servers.clock.nowMs() });
  await scratch.plant(plan);
  const report = await boundedAudit(toolsOf(servers, scratch, plan), {
    graceMs: options.graceMs,
    coverageMin: 1,
    waitMs: 0,
  });
  const scored = score(plan, report);
  return { ...scored, isPassed: scored.isPassed && report.verdict === 'pass', verdict: report.verdict };
}

/** A planted log that can be audited any number of times, by whatever rules. */
export class PlantedDrill implements AsyncDisposable {
  readonly #servers: DrillServers;
  readonly #scratch: Scratch;
  readonly #plan: DrillPlan;
  readonly #graceMs: number;

  static async plant(servers: DrillServers, { seed, records, graceMs }: DrillOptions): Promise<PlantedDrill> {
    const scratch = await Scratch.create(servers);
    try {
      const plan = faultyPlan({ seed, records, topics: scratch.names, nowMs: servers.clock.nowMs() });
      await scratch.plant(plan);
      return new PlantedDrill(servers, scratch, plan, graceMs);
    } catch (error) {
      await scratch[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(servers: DrillServers, scratch: Scratch, plan: DrillPlan, graceMs: number) {
    this.#servers = servers;
    this.#scratch = scratch;
    this.#plan = plan;
    this.#graceMs = graceMs;
  }

  async audit(rules?: Rules): Promise<Score> {
    const [scratch, plan] = [this.#scratch, this.#plan];
    const tools = toolsOf(this.#servers, scratch, plan, rules);
    const options = { graceMs: this.#graceMs, coverageMin: 0, waitMs: 0 };
    let isLate = false;
    const onSuspects = async (): Promise<void> => {
      if (isLate) return;
      isLate = true;
      await scratch.insertLate(plan);
    };
    try {
      const report = await boundedAudit(tools, { ...options, onSuspects });
      await scratch.openWriting(plan);
      const { findings } = await boundedAudit(tools, options);
      return score(plan, report, findings.filter(isTooEarly));
    } finally {
      await scratch.closeWriting();
      await scratch.deleteLate(plan);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scratch[Symbol.asyncDispose]();
  }
}

/** While rows are being written no row is missing, and while the outbox is not emptied no reply. */
function isTooEarly({ kind, stage, partition }: Finding): boolean {
  if (kind === 'missing') return stage === 'log-to-stored';
  return kind === 'reply-missing' && stage === 'command-to-reply' && partition === undefined;
}

function toolsOf(
  { admin, ranges, codec, clock }: DrillServers,
  { pool, names: topics, outgoing, commandsGroup }: Scratch,
  { nowMs }: DrillPlan,
  rules?: Rules,
): AuditTools {
  const own = { pool, topics, outgoing, commandsGroup, clock: clockFrom(nowMs, clock) };
  return { admin, ranges, codec, ...own, isPassing: true, ...(rules && { rules }) };
}

/** Each audit begins at the time of the plan: what was planted as young is young, however long ago that was. */
function clockFrom(startMs: number, clock: Clock): Clock {
  const begunMs = clock.nowMs();
  return { nowMs: () => startMs + clock.nowMs() - begunMs };
}
