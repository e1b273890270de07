// Makes a fresh clone ready to run: installs the dependencies when they are missing or older than the lockfile, and says
// early when the Node that runs the project is too old. Plain JavaScript, because it also runs on the host's Node 20.
// Writes to stderr only; with nothing to do it is over in milliseconds. An install replaces what a running stack runs on,
// so a lockfile that merely looks newer is compared first, and `--if-missing` leaves every existing install alone.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const project = fileURLToPath(new URL('..', import.meta.url));
const packagedNode = `${project}node_modules/.bin/node`;
const WANTED = 'package-lock.json';
const INSTALLED = 'node_modules/.package-lock.json';
const HOST_MIN = [20, 19];
const PROJECT_MIN = [22, 18];
const REMINDER_MS = 10_000;

const say = (line) => process.stderr.write(`prepare: ${line}\n`);

function fail(line) {
  say(line);
  process.exit(4);
}

function isAtLeast(version, [major, minor]) {
  const [a = 0, b = 0] = version.replace(/^v/, '').split('.').map(Number);
  return a > major || (a === major && b >= minor);
}

function modifiedMs(path) {
  return statSync(`${project}${path}`, { throwIfNoEntry: false })?.mtimeMs;
}

/** npm writes the hidden lockfile at the end of an install, so an interrupted one counts as missing. */
function isInstalled() {
  const installedMs = modifiedMs(INSTALLED);
  if (installedMs === undefined) return false;
  if (process.argv.includes('--if-missing')) return true;
  return installedMs >= (modifiedMs(WANTED) ?? 0) || hasWhatIsWanted();
}

/** A checkout makes a lockfile look newer, and entries for other platforms change nothing here. */
function hasWhatIsWanted() {
  const { '': _project, ...wanted } = packagesOf(WANTED);
  const installed = packagesOf(INSTALLED);
  const isSame = (path) => installed[path]?.version === wanted[path]?.version;
  const isOptional = ({ optional, devOptional, peer }) => optional === true || devOptional === true || peer === true;
  return (
    Object.keys(installed).every(isSame) &&
    Object.keys(wanted).every((path) => isSame(path) || (installed[path] === undefined && isOptional(wanted[path])))
  );
}

function packagesOf(path) {
  return JSON.parse(readFileSync(`${project}${path}`, 'utf8')).packages;
}

/** Run by npm, the npm that runs; else the one on PATH. */
function npmCommand() {
  const { npm_execpath: script, npm_node_execpath: node } = process.env;
  if (script === undefined || !existsSync(script)) return ['npm', []];
  return [node !== undefined && existsSync(node) ? node : process.execPath, [script]];
}

async function install() {
  say('installing the dependencies (npm ci); the first time this takes a minute');
  const startedMs = performance.now();
  const seconds = () => `${Math.round((performance.now() - startedMs) / 1000)} s`;
  const reminder = setInterval(() => say(`still installing (${seconds()})`), REMINDER_MS);
  const [command, first] = npmCommand();
  // The Node that runs the project comes as an optional dependency, the checks as development ones: both are wanted.
  const args = [...first, 'ci', '--no-audit', '--no-fund', '--loglevel=error', '--include=dev', '--include=optional'];
  const npm = spawn(command, args, { cwd: project, stdio: ['ignore', 2, 2] });
  const outcome = await new Promise((resolve) => {
    npm.once('error', (error) => resolve(`cannot be started: ${error.message}`));
    npm.once('exit', (code, signal) => resolve(code === 0 ? undefined : `ended with ${signal ?? `exit code ${code}`}`));
  });
  clearInterval(reminder);
  if (outcome !== undefined)
    fail(`npm ci ${outcome}; see above, check the network and npm's settings, then start again`);
  say(`installed (${seconds()})`);
}

function checkProjectNode() {
  const packaged = existsSync(packagedNode) ? spawnSync(packagedNode, ['--version'], { encoding: 'utf8' }) : undefined;
  if (packaged?.status === 0 && isAtLeast(packaged.stdout.trim(), PROJECT_MIN)) return;
  if (packaged === undefined && isAtLeast(process.version, PROJECT_MIN)) return;
  const found = packaged === undefined ? `this is Node ${process.version}` : 'the packaged Node does not run here';
  fail(
    `${found}; install Node ${PROJECT_MIN.join('.')} or newer (24 is best): the project runs TypeScript files directly`,
  );
}

if (!isAtLeast(process.version, HOST_MIN)) {
  fail(`Node ${process.version} is too old; install Node ${HOST_MIN.join('.')} or newer (24 is best)`);
}
if (!isInstalled()) {
  await install();
  checkProjectNode();
} else if (!process.execPath.startsWith(project) && !isAtLeast(process.version, PROJECT_MIN)) {
  checkProjectNode();
}
