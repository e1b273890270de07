// What test/support/stack.ts provides to tests: `inject('brokers')` and so on.
import type {} from 'vitest';

declare module 'vitest' {
  export interface ProvidedContext {
    brokers: string[];
    registryUrl: string;
    /** A database with the current tables; its role may create further ones. */
    databaseUrl: string;
    /** Folder of the fetched servers, to be shared by tests that start a stack of their own (PMC_ARTIFACTS). */
    artifacts: string;
  }
}
