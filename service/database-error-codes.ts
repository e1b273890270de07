// The part of the table of errors that is about the database: getting into it, and what is looked for in it. See error-codes.ts.
import type { ErrorCode } from './error-codes.ts';

export const DATABASE_ERROR_CODES = {
  PMC_DATABASE_UNREACHABLE: {
    retriable: true,
    meaning: 'PostgreSQL does not answer at the configured address.',
    action: 'Check that the server runs and that DATABASE_URL names it; running services keep retrying.',
    exitCode: 7,
  },
  PMC_DATABASE_AUTHENTICATION: {
    retriable: false,
    meaning: 'PostgreSQL answers and refuses the user or the password (SQLSTATE class 28), or wants one and got none.',
    action:
      'Correct user and password in DATABASE_URL, or let the user in (pg_hba.conf). Services that cannot start without the ' +
      'database end with this; those that run keep retrying.',
    exitCode: 5,
  },
  PMC_DATABASE_MISSING: {
    retriable: false,
    meaning: 'PostgreSQL answers and has no database of the name that was asked for (SQLSTATE 3D000).',
    action: 'Correct the name in DATABASE_URL, or create the database; `pmc database migrate` makes its tables.',
    exitCode: 4,
  },
  PMC_MIGRATION_CHANGED: {
    retriable: false,
    meaning: 'A database migration differs from the one that this database was built with.',
    action: 'Restore the migration file and put the change into a new numbered one.',
    exitCode: 4,
  },
  PMC_TOKEN_UNKNOWN: {
    retriable: false,
    meaning: 'A command named a token that is not in the database.',
    action:
      'Copy the id (not the token) from `pmc token list --all`, and check that DATABASE_URL names the right database.',
    exitCode: 4,
  },
  PMC_QUARANTINE_UNKNOWN: {
    retriable: false,
    meaning: 'A command named a place of the log at which nothing was ever quarantined; nothing was done.',
    action: 'Copy the place from `pmc dlq list --all`, and check that DATABASE_URL names the right database.',
    exitCode: 4,
  },
} as const satisfies Record<string, ErrorCode>;
