// What a run's outages leave behind for whoever judges it later: the plan, and a line for each outage that began, ended or
// failed. Pure. A run is valid only when exactly what was planned has happened, once each and for its whole time; everything else
// is named. A record that breaks off is that of an invalid run.
import { z } from 'zod';
import { PmcError } from '../../service/errors.ts';
import { outagePlanHash, type PlannedOutage } from './outage-plan.ts';
import { faultName, LINK_OUTAGES, type Outage, PROCESS_OUTAGES } from './outages.ts';

const names = [...Object.keys(PROCESS_OUTAGES), ...Object.keys(LINK_OUTAGES)] as [Outage, ...Outage[]];
const ms = z.number().min(0);
const planned = { atMs: ms, forMs: ms, target: z.string().min(1), outage: z.enum(names) };
const fired = { ...planned, fault: z.string().min(1) };

const outageLine = z.discriminatedUnion('line', [
  z.object({
    line: z.literal('plan'),
    run: z.string().min(1),
    seed: z.number().int().min(0),
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    outages: z.array(z.object(planned)),
  }),
  z.object({ line: z.literal('begun'), ...fired, begunMs: ms }),
  z.object({ line: z.literal('fired'), ...fired, begunMs: ms, endedMs: ms }),
  z.object({ line: z.literal('failed'), ...fired, error: z.string() }),
]);

export type OutageLine = Readonly<z.output<typeof outageLine>>;
/** An outage that has begun, lasted and ended; milliseconds since the run began. */
export type FiredOutage = Omit<Extract<OutageLine, { line: 'fired' }>, 'line'>;
export type FailedOutage = Omit<Extract<OutageLine, { line: 'failed' }>, 'line'>;

export interface OutageVerdict {
  readonly isValid: boolean;
  readonly planned: number;
  readonly fired: number;
  /** By fault; each is in the plan, or has fired, or both. */
  readonly faults: Readonly<Record<string, { readonly planned: number; readonly fired: number }>>;
  readonly problems: readonly string[];
}

export function planLine(run: string, seed: number, plan: readonly PlannedOutage[]): OutageLine {
  return { line: 'plan', run, seed, sha256: outagePlanHash(plan), outages: [...plan] };
}

/** Throws PMC_OUTAGE_RECORD_UNREADABLE, which names the line. */
export function parseOutageLines(text: string): readonly OutageLine[] {
  return text.split('\n').flatMap((json, index) => {
    if (json === '') return [];
    try {
      return outageLine.parse(JSON.parse(json));
    } catch (error) {
      const message = `line ${index + 1} is none of a record of outages`;
      throw new PmcError('PMC_OUTAGE_RECORD_UNREADABLE', message, { lineNumber: index + 1 }, { cause: error });
    }
  });
}

export function judgeOutages(lines: readonly OutageLine[]): OutageVerdict {
  const [plan, another] = lines.filter((line) => line.line === 'plan');
  const ended = lines.filter((line) => line.line === 'fired');
  const problems: string[] = [];
  if (plan === undefined) problems.push('the record names no plan');
  if (another !== undefined) problems.push('the record holds several plans');
  const wanted = plan?.outages ?? [];
  if (plan !== undefined && plan.sha256 !== outagePlanHash(wanted))
    problems.push('the plan is not the one it says it is');
  const happened = Map.groupBy(ended, keyOf);
  for (const one of wanted) {
    const times = happened.get(keyOf(one)) ?? [];
    happened.delete(keyOf(one));
    const what = `${faultName(one.target, one.outage)} at ${one.atMs} ms`;
    if (times.length !== 1) problems.push(`${what} happened ${times.length} times`);
    for (const { begunMs, endedMs } of times) {
      const lastedMs = endedMs - begunMs;
      if (lastedMs + TIMER_MS < one.forMs) problems.push(`${what} lasted ${lastedMs} of ${one.forMs} ms`);
    }
  }
  for (const { fault, atMs } of [...happened.values()].flat()) problems.push(`${fault} at ${atMs} ms was not planned`);
  for (const line of lines) {
    if (line.line === 'failed') problems.push(`${line.fault} at ${line.atMs} ms failed: ${line.error}`);
  }
  const faults: Record<string, { planned: number; fired: number }> = {};
  const count = (fault: string, what: 'planned' | 'fired'): void => {
    const counts = (faults[fault] ??= { planned: 0, fired: 0 });
    counts[what]++;
  };
  for (const { target, outage } of wanted) count(faultName(target, outage), 'planned');
  for (const { fault } of ended) count(fault, 'fired');
  return { isValid: problems.length === 0, planned: wanted.length, fired: ended.length, faults, problems };
}

/** A timer may end this much early by another clock. */
const TIMER_MS = 10;

/** Of one target nothing is planned twice at the same time. */
const keyOf = ({ target, outage, atMs }: PlannedOutage): string => JSON.stringify([target, outage, atMs]);
