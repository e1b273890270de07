// What the stack says about itself: the shape that `pmc status --json`, the control interface and the console share.
// Stable: fields are added, never renamed.
import { z } from 'zod';

const processSchema = z.object({
  name: z.string(),
  pid: z.number().int().nullable(),
  state: z.enum(['starting', 'running', 'stopping', 'stopped', 'backoff']),
  restarts: z.number().int(),
  healthUrl: z.string().nullable(),
  lastExit: z.object({ reason: z.string(), lastLine: z.string().nullable() }).nullable(),
});

export const serviceStatusSchema = processSchema.extend({
  /** What its own readiness check says at this moment. */
  ready: z.boolean(),
});

export const stackStatusSchema = z.object({
  schemaVersion: z.literal(1),
  ready: z.boolean(),
  home: z.string(),
  supervisor: z.object({ pid: z.number().int() }),
  services: z.array(serviceStatusSchema),
  /** The embedded servers; one that is replaced by a variable is not among them. */
  servers: z.array(processSchema),
  kafka: z.object({ brokers: z.array(z.string()), registryUrl: z.string() }),
  database: z.object({ url: z.string() }),
  gateway: z.object({ url: z.string() }),
  console: z.object({ url: z.string() }),
  simulator: z.object({ wsUrl: z.string(), apiUrl: z.string() }).nullable(),
});

export type ServiceStatus = Readonly<z.infer<typeof serviceStatusSchema>>;
export type StackStatus = Readonly<z.infer<typeof stackStatusSchema>>;

export const SERVICE_VERBS = ['stop', 'start', 'restart'] as const;
export type ServiceVerb = (typeof SERVICE_VERBS)[number];
