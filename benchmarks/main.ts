// `npm run -s bench -- NAME [--json] [--runs N]`: one benchmark, brought up and stopped by itself.
import { cpus, totalmem } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import type { Environment } from '../service/config.ts';
import { audit } from './audit.ts';
import { chaos } from './chaos.ts';
import type { Figure } from './figures.ts';
import { ingest } from './ingest.ts';
import { logAppend } from './log-append.ts';
import { logRead } from './log-read.ts';
import { pipeline } from './pipeline.ts';
import { reply } from './reply.ts';
import { store } from './store.ts';

type Benchmark = (environment: Environment, runs: number) => Promise<readonly Figure[]>;

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  pipeline,
  'log-append': logAppend,
  'log-read': logRead,
  chaos,
  ingest,
  store,
  reply,
  audit,
};
const USAGE_EXIT = 2;
const GIB = 2 ** 30;

const program = new Command('bench')
  .description('measure one hot path on this machine')
  .argument('<name>', `one of: ${Object.keys(BENCHMARKS).join(', ')}`)
  .option('--json', 'one JSON document instead of text')
  .option('--runs <count>', 'measured runs after one to warm up', wholeFrom1To100, 5)
  .showHelpAfterError()
  .exitOverride((error) => process.exit(error.code === 'commander.helpDisplayed' ? 0 : USAGE_EXIT))
  .action(async (name: string, { json, runs }: { json?: boolean; runs: number }, command: Command) => {
    const benchmark = Object.hasOwn(BENCHMARKS, name) ? BENCHMARKS[name] : undefined;
    if (benchmark === undefined)
      return command.error(`error: unknown benchmark '${name}'; known: ${Object.keys(BENCHMARKS).join(', ')}`);
    const figures = await benchmark(process.env, runs);
    process.stdout.write(
      json ? `${JSON.stringify({ schemaVersion: 1, name, machine: machine(), runs, figures })}\n` : text(figures, runs),
    );
  });

function machine() {
  const cores = cpus();
  const [core] = cores;
  const { platform, arch, version: node } = process;
  return {
    platform,
    arch,
    node,
    cores: cores.length,
    cpu: core?.model ?? 'unknown',
    memoryGiB: Math.round(totalmem() / GIB),
  };
}

function text(figures: readonly Figure[], runs: number): string {
  const round = (value: number) => value.toLocaleString('en', { maximumFractionDigits: 2 });
  return figures
    .map(({ figure, unit, value, against, ratio }) => {
      const compared =
        ratio === undefined ? '' : `; ${round(ratio.median)} of ${against} (${round(ratio.min)}-${round(ratio.max)})`;
      return `${figure}  ${round(value.median)} ${unit} (${round(value.min)}-${round(value.max)}, ${runs} runs)${compared}\n`;
    })
    .join('');
}

function wholeFrom1To100(value: string): number {
  if (!/^\d+$/.test(value) || Number(value) < 1 || Number(value) > 100)
    throw new InvalidArgumentError('It must be 1 to 100.');
  return Number(value);
}

await program.parseAsync();
