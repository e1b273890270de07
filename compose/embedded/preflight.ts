// Judges whether this machine can run the embedded stack. Pure: the facts come from preflight-probe.ts; every problem is
// one line that says what is missing, and what to install or which variable replaces the part.
export interface PortFact {
  readonly host: string;
  /** Names the host, where it is not fixed. */
  readonly hostVariable?: string;
  readonly port: number;
  /** Who would listen on it. */
  readonly owner: string;
  readonly variable: string;
  /** The system's code for why nobody can listen there; undefined where somebody can. */
  readonly refusal: string | undefined;
}

export interface MachineFacts {
  readonly platform: string;
  /** What `java -version` and `mvn -version` say; undefined when there is no such command. */
  readonly javaText: string | undefined;
  readonly mavenText: string | undefined;
  readonly ports: readonly PortFact[];
  readonly diskFreeBytes: number;
  /** Undefined where the system does not tell. */
  readonly memoryAvailableBytes: number | undefined;
}

export interface Needs {
  readonly home: string;
  /** Kafka or the registry run here. */
  readonly java: boolean;
  /** Something has to be fetched. */
  readonly maven: boolean;
  /** Any of the three servers runs here. */
  readonly servers: boolean;
}

export const JAVA_MIN = 17;
export const MAVEN_MIN = [3, 8] as const;
const GIB = 1024 ** 3;
export const DISK_MIN_BYTES = 2 * GIB;
export const MEMORY_MIN_BYTES = 2 * GIB;

const REPLACE_JAVA = 'or set PMC_KAFKA_BROKERS and PMC_REGISTRY_URL to servers of your own';

export function problemsOf(facts: MachineFacts, needs: Needs): readonly string[] {
  const problems: string[] = [];
  if (facts.platform === 'win32')
    problems.push('Windows is not supported; run this in WSL 2 or use compose/compose.yaml');
  if (needs.java) problems.push(...javaProblems(facts.javaText));
  if (needs.maven) problems.push(...mavenProblems(facts.mavenText));
  // A host on which nobody can listen is one problem, however many ports would be there.
  problems.push(...new Set(facts.ports.flatMap(portProblem)));
  if (needs.servers && facts.diskFreeBytes < DISK_MIN_BYTES) {
    problems.push(
      `only ${gib(facts.diskFreeBytes)} free on the disk of ${needs.home}, 2 GiB are needed; free some, or set PMC_HOME to a folder on another disk`,
    );
  }
  if (needs.servers && facts.memoryAvailableBytes !== undefined && facts.memoryAvailableBytes < MEMORY_MIN_BYTES) {
    problems.push(
      `only ${gib(facts.memoryAvailableBytes)} of memory available, 2 GiB are needed; close something, ${REPLACE_JAVA}`,
    );
  }
  return problems;
}

function portProblem({ host, hostVariable, port, owner, variable, refusal }: PortFact): readonly string[] {
  const [which, move] = [`port ${port} (${owner})`, `set ${movers(variable)} to move it`];
  switch (refusal) {
    case undefined:
      return [];
    case 'EADDRINUSE':
      return [`${which} is taken by another process; free it, or ${move}`];
    case 'EACCES':
    case 'EPERM':
      return [`${which} may not be opened by this user (${refusal}); ${move}, above 1023 for an ordinary user`];
    default:
      return hostVariable === undefined
        ? [`${which} cannot be opened on ${host} (${refusal}); ${move}`]
        : [`nobody can listen on ${host} (${refusal}); set ${hostVariable} to an address of this machine`];
  }
}

function javaProblems(text: string | undefined): readonly string[] {
  const install = `install a JDK ${JAVA_MIN} or newer (Debian: apt install openjdk-17-jdk-headless) or set JAVA_HOME to one`;
  if (text === undefined) return [`Java is missing (no \`java\` on PATH or in JAVA_HOME); ${install}, ${REPLACE_JAVA}`];
  const major = javaMajor(text);
  if (major === undefined) return [`\`java -version\` says nothing that names a version; ${install}, ${REPLACE_JAVA}`];
  return major >= JAVA_MIN ? [] : [`Java ${major} is too old; ${install}, ${REPLACE_JAVA}`];
}

function mavenProblems(text: string | undefined): readonly string[] {
  const install =
    'install Maven 3.8 or newer (Debian: apt install maven); it is needed once, to fetch Kafka and the registry';
  if (text === undefined) return [`Maven is missing (no \`mvn\` on PATH); ${install}`];
  const version = mavenVersion(text);
  if (version === undefined) return [`\`mvn -version\` says nothing that names a version; ${install}`];
  const [major, minor] = version;
  const isEnough = major > MAVEN_MIN[0] || (major === MAVEN_MIN[0] && minor >= MAVEN_MIN[1]);
  return isEnough ? [] : [`Maven ${major}.${minor} is too old; ${install}`];
}

/** 17 from `openjdk version "17.0.15"`, 8 from the old `java version "1.8.0_392"`. */
export function javaMajor(text: string): number | undefined {
  const match = /version "(\d+)(?:\.(\d+))?/.exec(text);
  if (match === null) return undefined;
  const first = Number(match[1]);
  return first === 1 && match[2] !== undefined ? Number(match[2]) : first;
}

export function mavenVersion(text: string): readonly [number, number] | undefined {
  const match = /Apache Maven (\d+)\.(\d+)/.exec(text);
  return match === null ? undefined : [Number(match[1]), Number(match[2])];
}

function movers(variable: string): string {
  return variable === 'PMC_PORT_OFFSET' ? variable : `${variable} or PMC_PORT_OFFSET`;
}

function gib(bytes: number): string {
  return `${(bytes / GIB).toFixed(1)} GiB`;
}
