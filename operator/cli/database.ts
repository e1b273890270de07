// `pmc database migrate`: brings the tables to the newest version. Repeating it changes nothing.
import type { Command } from 'commander';
import { migrateDatabase } from '../../schemas/database/migrate.ts';
import { readSettings } from '../../service/config.ts';
import { databaseSettings } from '../../service/database.ts';
import type { Cli } from './cli.ts';
import { serverEnvironment } from './server-environment.ts';

export function addDatabase(program: Command, cli: Cli): void {
  program
    .command('database')
    .description('the tables')
    .command('migrate')
    .description('bring the database to the newest version (DATABASE_URL, else the running stack)')
    .action(async () => {
      const { databaseUrl } = readSettings(serverEnvironment(cli, ['DATABASE_URL']), databaseSettings);
      const applied = await migrateDatabase(databaseUrl);
      cli.stdout.write(applied.length === 0 ? 'the database is up to date\n' : `applied ${applied.join(', ')}\n`);
    });
}
