// A process together with everything that it has started, directly or not: a server such as PostgreSQL is many processes, each the
// leader of a group of its own, which no signal to the first one reaches.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** Pid of each process and of the one that started it. */
export type Parents = ReadonlyMap<number, number>;

/** Those below a process, parents before their children. */
export function below(root: number, parents: Parents): readonly number[] {
  const found: number[] = [root];
  for (const pid of found) {
    for (const [child, parent] of parents)
      if (parent === pid && child !== pid && !found.includes(child)) found.push(child);
  }
  return found.slice(1);
}

/**
 * Sends a signal to a process and to all below it, parents first, and looks again until nobody new is found. Those who are to be
 * killed are stopped before, so that none starts another one meanwhile. Returns the pids.
 */
export function signalTree(root: number, signal: NodeJS.Signals): readonly number[] {
  if (signal === 'SIGKILL') {
    const stopped = signalTree(root, 'SIGSTOP');
    for (const pid of stopped) send(pid, signal);
    return stopped;
  }
  const reached = new Set<number>();
  for (let isNew = true; isNew; ) {
    isNew = false;
    for (const pid of [root, ...below(root, parentsNow())]) {
      if (reached.has(pid)) continue;
      reached.add(pid);
      isNew = send(pid, signal) || isNew;
    }
  }
  return [...reached];
}

function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    // It has ended since the look.
    return false;
  }
}

function parentsNow(): Parents {
  return process.platform === 'linux' ? parentsFromProc() : parentsFromPs();
}

function parentsFromProc(): Parents {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const parent = parseParent(readFileSync(`/proc/${name}/stat`, 'utf8'));
      if (parent !== undefined) parents.set(Number(name), parent);
    } catch {
      // It has ended since the listing.
    }
  }
  return parents;
}

/** Field 4 of /proc/<pid>/stat; undefined for a zombie, which no signal reaches. */
export function parseParent(stat: string): number | undefined {
  const [state = 'Z', parent = ''] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return state === 'Z' || state === 'X' || !/^\d+$/.test(parent) ? undefined : Number(parent);
}

function parentsFromPs(): Parents {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8', env: { LC_ALL: 'C' } });
  const lines = (stdout ?? '').matchAll(/^\s*(\d+)\s+(\d+)\s*$/gm);
  return new Map([...lines].map(([, pid, parent]) => [Number(pid), Number(parent)]));
}
