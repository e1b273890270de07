// Which process a pid means. A pid alone is reused by the system, so a process is its pid together with the moment it
// started: nothing is ever signalled by a recorded pid unless both still match.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface ProcessIdentity {
  readonly pid: number;
  /** Opaque; two equal texts for the same pid mean the same process. */
  readonly startTime: string;
}

/** Field 22 of /proc/<pid>/stat; undefined for a zombie, which is only waiting to be collected and runs nothing. */
export function parseStartTicks(stat: string): string | undefined {
  // The second field is the command in parentheses and may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  const ticks = fields[19];
  return state === 'Z' || state === 'X' || ticks === undefined || !/^\d+$/.test(ticks) ? undefined : ticks;
}

/** When the process started, or undefined when no such process runs. */
export function startTimeOf(pid: number): string | undefined {
  return process.platform === 'linux' ? startTimeFromProc(pid) : startTimeFromPs(pid);
}

export function identityOf(pid: number): ProcessIdentity | undefined {
  const startTime = startTimeOf(pid);
  return startTime === undefined ? undefined : { pid, startTime };
}

export function isAlive({ pid, startTime }: ProcessIdentity): boolean {
  return startTimeOf(pid) === startTime;
}

function startTimeFromProc(pid: number): string | undefined {
  try {
    const ticks = parseStartTicks(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    // Ticks count from boot, so the boot belongs to the identity: after a reboot the same pair may occur again.
    return ticks === undefined
      ? undefined
      : `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}:${ticks}`;
  } catch {
    return undefined;
  }
}

function startTimeFromPs(pid: number): string | undefined {
  const { stdout } = spawnSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
    encoding: 'utf8',
    env: { LC_ALL: 'C' },
  });
  const match = /^(\S+)\s+(.+)$/.exec((stdout ?? '').trim());
  return match === null || match[1]?.startsWith('Z') ? undefined : match[2];
}
