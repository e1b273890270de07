// A ledger beside the rows of a database, by the command line, as a researcher would.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ChaosVerdict } from '../../producers/chaos-socket/verdict/verdict.ts';
import { plainEnvironment } from './plain-environment.ts';

const PMC = fileURLToPath(new URL('../../operator/cli/pmc.ts', import.meta.url));
const OUTPUT_BYTES_MAX = 256 * 1_048_576;

export async function compareWithRows(ledger: string, databaseUrl: string): Promise<ChaosVerdict> {
  const folder = await mkdtemp(join(tmpdir(), 'pmc-verdict-'));
  try {
    const [ledgerFile, rowsFile] = [join(folder, 'ledger.jsonl'), join(folder, 'rows.csv')];
    await writeFile(ledgerFile, ledger);
    await writeFile(rowsFile, await pmc(['rows', 'export'], { DATABASE_URL: databaseUrl }));
    return JSON.parse(await pmc(['chaos', 'verdict', '--json', ledgerFile, rowsFile], {})) as ChaosVerdict;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What it says on stdout, whatever its exit code; an error where it says nothing. */
function pmc(args: readonly string[], settings: Readonly<Record<string, string>>): Promise<string> {
  const env = { ...plainEnvironment(), ...settings };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [PMC, ...args], { env, maxBuffer: OUTPUT_BYTES_MAX }, (error, stdout, stderr) => {
      if (stdout === '') reject(new Error(`pmc ${args.join(' ')}: ${error?.message ?? stderr}`));
      else resolve(stdout);
    });
  });
}
