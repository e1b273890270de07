// Load for persistence services on whatever servers, and what the database made of it: events appended to all partitions of
// pmc.messages.incoming, so that both ways of the store and the fold are gone, and the books afterwards.
import pg from 'pg';
import { expect, vi } from 'vitest';
import { Codec } from '../../kafka/codec.ts';
import { openAdmin, openAppender } from '../../kafka/connect.ts';
import type { Appender, LogAdmin } from '../../kafka/log.ts';
import type { EventKind } from '../../schemas/generated.ts';
import { TOPIC } from '../../schemas/topics.ts';
import { pause } from '../../service/backoff.ts';
import { createLogger } from '../../service/logger.ts';
import { incomingEvent } from './incoming-events.ts';
import { ServiceProcess } from './service-process.ts';

const PARTITIONS = 6;
const MESSAGES = 10;
const SETTLED_WITHIN = { timeout: 90_000, interval: 250 };

export interface LoadOptions {
  readonly brokers: readonly string[];
  readonly registryUrl: string;
  /** By which it is judged. */
  readonly databaseUrl: string;
}

export class StoredLoad implements AsyncDisposable {
  readonly pool: pg.Pool;
  readonly admin: LogAdmin;
  readonly #options: LoadOptions;
  readonly #appender: Appender;
  readonly #codec: Codec;
  #ending = new AbortController();
  #running: Promise<void> | undefined;
  #messages = 0;
  #repeated = 0;

  static async open(options: LoadOptions): Promise<StoredLoad> {
    const load = new StoredLoad(options);
    await load.#codec.prepare([TOPIC.incoming]);
    return load;
  }

  private constructor(options: LoadOptions) {
    const config = { brokers: options.brokers, appenderClient: 'kafkajs' } as const;
    this.#options = options;
    this.pool = new pg.Pool({ connectionString: options.databaseUrl, max: 2 });
    // Its idle connections break with the database; whoever asks next hears of it.
    this.pool.on('error', () => undefined);
    this.admin = openAdmin({ config, clientId: 'test' });
    this.#appender = openAppender({ config, clientId: 'test', logger: createLogger('test', 'silent') });
    this.#codec = new Codec(options.registryUrl);
  }

  /** A persistence service that reads it. */
  service(settings: Readonly<Record<string, string>> = {}): ServiceProcess {
    const { brokers, registryUrl, databaseUrl } = this.#options;
    const own = { PMC_KAFKA_BROKERS: brokers.join(','), PMC_REGISTRY_URL: registryUrl, DATABASE_URL: databaseUrl };
    return ServiceProcess.start('persistence', { ...own, ...settings });
  }

  /** To every partition: messages, an edit of each, and, unless all shall be new, one message again. */
  async append({ isAllNew = false } = {}): Promise<void> {
    const appends = Array.from({ length: PARTITIONS }, async (_, partition) => {
      const values = Array.from({ length: MESSAGES }, () => {
        this.#messages += 1;
        const [message, edit] = [`m${this.#messages}`, `e${this.#messages}`];
        return [
          this.#value('message', message, { content: 'x' }),
          this.#value('edit', edit, { message_id: message, new_content: edit }),
        ];
      }).flat();
      const again = isAllNew ? [] : values.slice(0, 1);
      this.#repeated += again.length;
      const records = [...values, ...again].map((value) => {
        return { key: null, value, headers: {}, timestampMs: Date.now() };
      });
      const { outcome } = await this.#appender.append({ topic: TOPIC.incoming, partition }, records);
      expect(outcome).toBe('acked');
    });
    await Promise.all(appends);
  }

  /** Appends again and again, until `settled` is asked for. */
  begin(pauseMs: number, { isAllNew = false } = {}): void {
    this.#ending = new AbortController();
    const { signal } = this.#ending;
    this.#running = (async () => {
      while (!signal.aborted) {
        await this.append({ isAllNew });
        await pause(pauseMs, signal);
      }
    })();
    this.#running.catch(() => undefined);
  }

  /** Ends the load and waits until every offset of the log is in an account and everything is folded. */
  async settled(services: readonly ServiceProcess[]): Promise<void> {
    this.#ending.abort();
    await this.#running;
    await vi.waitFor(async () => {
      const { accounted, behind } = await this.accounted();
      const onLog = await this.onLog();
      if (accounted === onLog && behind === 0) return;
      const logs = services.map(({ log }) => log.slice(-1_500)).join('\n');
      throw new Error(`${accounted} of ${onLog} offsets accounted for, ${behind} not folded:\n${logs}`);
    }, SETTLED_WITHIN);
  }

  async onLog(): Promise<number> {
    const ends = [...(await this.admin.ends(TOPIC.incoming)).values()];
    return ends.reduce((sum, { logStart, highWatermark }) => sum + Number(highWatermark - logStart), 0);
  }

  /** Every offset in one account, every message with its state, nothing quarantined, nothing counted twice; returns how many. */
  async expectWholeBooks(): Promise<Readonly<Record<string, number>>> {
    const { rows } = await this.pool.query<object>(
      `select (select count(*)::int from message_metadata where event_id ~ '^[me][0-9]+$') as rows,
         (select count(*)::int from duplicates where status = 'open') as duplicates,
         (select count(*)::int from quarantine) as quarantined,
         (select count(*)::int from message_state) as states,
         (select count(*)::int from conflicts) as conflicts,
         (select coalesce(sum(rows_total), 0)::int from coverage) - (select count(*)::int from message_metadata) as miscounted`,
    );
    const whole = { rows: 2 * this.#messages, duplicates: this.#repeated, states: this.#messages };
    const books = { ...whole, quarantined: 0, conflicts: 0, miscounted: 0 };
    expect(rows).toEqual([books]);
    return books;
  }

  async accounted(): Promise<{ readonly accounted: number; readonly behind: number }> {
    const { rows } = await this.pool.query<{ accounted: number; behind: number }>(
      `select (select count(*) from message_metadata)::int
           + (select count(*) from duplicates where status = 'open')::int as accounted,
         (select coalesce(sum(upper_offset - coalesce(next_offset, 0)), 0)::int
          from coverage left join fold_positions using (incarnation, partition)) as behind`,
    );
    const [row] = rows;
    if (row === undefined) throw new Error('no answer');
    return row;
  }

  #value(kind: EventKind, id: string, fields: object): Buffer {
    const event = incomingEvent({ id, ...fields }, { kind, id, chat: 'c', actor: 'ann' });
    return this.#codec.encode(TOPIC.incoming, event);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await this.#running?.catch(() => undefined);
    await this.#appender.stop();
    await this.admin.stop();
    await this.pool.end();
  }
}
