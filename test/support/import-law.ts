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
  experiment: SHARED,
};

/** Whose pure files the operator may use: what judges, judges the same for a person at a terminal. */
const JUDGES: ReadonlySet<string> = new Set(['consumers/gap-detector', 'producers/chaos-socket']);
/** And besides them: `pmc audit run` is the same audit, run once. */
const DOORS: ReadonlySet<string> = new Set([
  'consumers/gap-detector/bounded-audit.ts',
  'consumers/gap-detector/config.ts',
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
  if (kind === 'operator' && JUDGES.has(other) && isOpen(found, byPath.get(found))) return [];
  return refuse(`${room} may import ${allowed.join(', ') || 'no other room'}`);
}

function isOpen(path: string, imported: ProjectFile | undefined): boolean {
  return DOORS.has(path) || (imported !== undefined && isPure(imported));
}

/** The first folder; producers and consumers are rooms one by one. */
function roomOf(path: string): string {
  const [first = '', second = ''] = path.split('/');
  return first === 'producers' || first === 'consumers' ? `${first}/${second}` : first;
}
