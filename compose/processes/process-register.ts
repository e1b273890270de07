// The record of every process that a supervisor started, on disk, so that its warden or the next start can end exactly
// these when the supervisor is gone. Written before anybody waits for the child; entries are matched by pid and start time.
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { writePrivateFile } from '../../service/private-file.ts';
import { identityOf, type ProcessIdentity } from '../../service/process-identity.ts';

/** In the order in which they are ended: whoever uses something goes before what it uses. */
export const STAGES = ['task', 'service', 'registry', 'kafka', 'postgres'] as const;
export type Stage = (typeof STAGES)[number];

const entrySchema = z.object({
  name: z.string(),
  stage: z.enum(STAGES),
  pid: z.number().int().positive(),
  startTime: z.string().min(1),
  stopSignal: z.enum(['SIGTERM', 'SIGINT']),
});
const fileSchema = z.object({ processes: z.array(entrySchema) });

export type RegisterEntry = Readonly<z.infer<typeof entrySchema>>;

export class ProcessRegister {
  readonly #path: string;
  readonly #entries = new Map<number, RegisterEntry>();

  constructor(path: string) {
    this.#path = path;
  }

  /** False when the process is already gone, so that there is nothing to record. */
  record(about: Omit<RegisterEntry, 'startTime'>): boolean {
    const identity = identityOf(about.pid);
    if (identity === undefined) return false;
    this.#entries.set(about.pid, { ...about, ...identity });
    this.#save();
    return true;
  }

  forget(pid: number): void {
    if (this.#entries.delete(pid)) this.#save();
  }

  get entries(): readonly RegisterEntry[] {
    return [...this.#entries.values()];
  }

  #save(): void {
    writePrivateFile(this.#path, `${JSON.stringify({ processes: this.entries }, null, 2)}\n`);
  }
}

/** What a register on disk says; nothing when there is none or it cannot be read, for then nothing may be signalled. */
export function readRegister(path: string): readonly RegisterEntry[] {
  try {
    return parseRegister(readFileSync(path, 'utf8'));
  } catch {
    return [];
  }
}

export function parseRegister(text: string): readonly RegisterEntry[] {
  return fileSchema.parse(JSON.parse(text)).processes;
}

/** The recorded processes that still run: the same pid with another start time is somebody else's. */
export function survivors<E extends ProcessIdentity>(
  entries: readonly E[],
  startTimeOf: (pid: number) => string | undefined,
): readonly E[] {
  return entries.filter((entry) => startTimeOf(entry.pid) === entry.startTime);
}
