// Who may import whom; pure. Data flows from producers over the log to consumers, so neither knows the other: what they
// share is the log, the service frame and the shapes.
import { posix } from 'node:path';
import type { ProjectFile } from './project-files.ts';
import { isPure } from './purity.ts';

const SHARED = ['kafka', 'service', 'schemas'] as const;

/** What a room may import besides itself. Rooms that are not listed (test, scripts, benchmarks) may import everything. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  service: [],
  schemas: ['service'],
  kafka: ['service', 'schemas'],
  producers: SHARED,
  consumers: SHARED,
  compose: SHARED,
  operator: [...SHARED, 'compose'],
  experiment: [...SHARED, 'compose'],
};

/** Whose pure files the operator may use: what judges, judges the same for a person at a terminal. */
const JUDGES: ReadonlySet<string> = new Set([
  'consumers/gap-detector',
  'consumers/persistence',
  'producers/chaos-socket',
]);
/** And besides them: `pmc audit run` is the same audit, run once, `pmc audit drill` tests it, and `pmc dlq redrive` stores as the service does. */
const DOORS: ReadonlySet<string> = new Set([
  'consumers/gap-detector/audit-store.ts',
  'consumers/gap-detector/bounded-audit.ts',
  'consumers/gap-detector/drill/drill.ts',
  'consumers/gap-detector/explain.ts',
  'consumers/gap-detector/findings-book.ts',
  'consumers/gap-detector/reading-threads.ts',
  'consumers/gap-detector/timeline-store.ts',
  // `pmc replay --missing` stores as persistence does, or it would be another sink that nobody has tested.
  'consumers/persistence/sink.ts',
  'consumers/persistence/redrive.ts',
]);

/** What the supervisor starts it asks first whether it would start: the settings, and the files that these name. */
const REFUSING: ReadonlySet<string> = new Set([
  'consumers/commands/config.ts',
  'consumers/commands/declared.ts',
  'consumers/gap-detector/config.ts',
  'consumers/persistence/config.ts',
  'producers/chaos-socket/config.ts',
  'producers/chaos-socket/profile-files.ts',
  'producers/chaos-socket/schedule-file.ts',
  'producers/communicator/config.ts',
  'producers/communicator/sources.ts',
]);

/** Clients of the log are known to one room, so that they can be replaced there. */
const ONLY_IN_KAFKA: ReadonlySet<string> = new Set([
  'kafkajs',
  '@platformatic/kafka',
  '@kafkajs/confluent-schema-registry',
]);

const IMPORT = /(?:^|\n)\s*(?:import|export)\b(?:[^;'"]*?\bfrom)?\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/g;

/** The modules that a file imports, as written. */
export function importsOf(text: string): readonly string[] {
  return [...text.matchAll(IMPORT)].map(([, from, dynamic]) => from ?? dynamic ?? '');
}

export function brokenImportLaw(files: readonly ProjectFile[]): readonly string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  return files
    .filter(({ path }) => /\.(ts|js)$/.test(path))
    .flatMap((file) => importsOf(file.text).flatMap((target) => judge(file.path, target, byPath)));
}

function judge(path: string, target: string, byPath: ReadonlyMap<string, ProjectFile>): readonly string[] {
  const room = roomOf(path);
  const refuse = (why: string): readonly string[] => [`${path} imports ${target}: ${why}`];
  if (!target.startsWith('.')) {
    const isClient = [...ONLY_IN_KAFKA].some((name) => target === name || target.startsWith(`${name}/`));
    return isClient && room !== 'kafka' && room !== 'test' ? refuse('only kafka/ knows the clients of the log') : [];
  }
  const found = posix.normalize(posix.join(posix.dirname(path), target));
  const other = roomOf(found);
  const [kind = ''] = room.split('/');
  const allowed = MAY_IMPORT[kind];
  if (allowed === undefined || other === room || found === 'package.json') return [];
  if (other === 'test') return path.endsWith('.test.ts') ? [] : refuse('only tests import test/');
  if (allowed.includes(other)) return [];
  const isOperators = DOORS.has(found) || REFUSING.has(found);
  if (kind === 'operator' && (isOperators || (JUDGES.has(other) && isOpen(byPath.get(found))))) return [];
  return refuse(`${room} may import ${allowed.join(', ') || 'no other room'}`);
}

function isOpen(imported: ProjectFile | undefined): boolean {
  return imported !== undefined && isPure(imported);
}

/** The first folder; producers and consumers are rooms one by one. */
function roomOf(path: string): string {
  const [first = '', second = ''] = path.split('/');
  return first === 'producers' || first === 'consumers' ? `${first}/${second}` : first;
}
