// Asks the supervisor which services there are, and each of them how it is. Every question has a time-out; what does not
// answer becomes a reason, never an exception.
import type { Clock } from '../../service/clock.ts';
import { describeError } from '../../service/errors.ts';
import { type ControlStatus, controlStatus, type ReadyReport, readyReport, type Seen } from './observation.ts';

const READY_TIMEOUT_MS = 1_000;
const CONTROL_TIMEOUT_MS = 2_000;

export async function askControl(url: string, token: string | undefined): Promise<ControlStatus> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const signal = AbortSignal.timeout(CONTROL_TIMEOUT_MS);
  let response: Response;
  try {
    response = await fetch(new URL('/status', url), { headers, signal });
  } catch (cause) {
    throw new Error(`no answer at ${url}; PMC_CONTROL_URL names it`, { cause });
  }
  if (!response.ok) throw new Error(`${url} answered ${response.status}; PMC_CONTROL_TOKEN may be wrong`);
  return controlStatus.parse(await response.json());
}

export async function askServices(
  { services }: ControlStatus,
  clock: Clock,
): Promise<ReadonlyMap<string, Seen<ReadyReport>>> {
  const asked = services.flatMap(({ name, state, healthUrl }) =>
    healthUrl && state === 'running' ? [askReady(healthUrl, clock).then((seen) => [name, seen] as const)] : [],
  );
  return new Map(await Promise.all(asked));
}

async function askReady(healthUrl: string, clock: Clock): Promise<Seen<ReadyReport>> {
  try {
    const response = await fetch(new URL('/ready', healthUrl), { signal: AbortSignal.timeout(READY_TIMEOUT_MS) });
    const report = readyReport.safeParse(await response.json());
    if (!report.success) return { ok: false, reason: `${healthUrl}/ready does not answer in the agreed shape` };
    return { ok: true, value: report.data, atMs: clock.nowMs() };
  } catch (error) {
    const isLate = error instanceof Error && error.name === 'TimeoutError';
    const why = isLate ? `no answer within ${READY_TIMEOUT_MS / 1_000} s` : describeError(error);
    return { ok: false, reason: `${healthUrl}/ready: ${why}` };
  }
}
