// External APIs as a chat uses them: declared, asked by a command, called by real lanes over a real database, with the reply as it
// waits in the outbox. Each endpoint leads to a server that misbehaves as it is told to.
import { Registry } from 'prom-client';
import { onTestFinished, vi } from 'vitest';
import { CallLanes } from '../../consumers/commands/external/call-lanes.ts';
import type { Declarations } from '../../consumers/commands/external/declaration.ts';
import { readDeclarations } from '../../consumers/commands/external/declaration-text.ts';
import type { Resolve } from '../../consumers/commands/external/names.ts';
import { commandsMetrics } from '../../consumers/commands/metrics.ts';
import type { Dispatch } from '../../schemas/generated.ts';
import { createPool, type Pool } from '../../service/database.ts';
import { command, handle, NOW_MS, SILENT } from './command-batches.ts';
import { MisbehavingApi } from './misbehaving-api.ts';
import { type ScratchDatabase, scratchDatabase } from './scratch-database.ts';

export const WAIT = { timeout: 20_000, interval: 20 };
export const API_SECRET = 'a-secret-of-the-test';
export const POST = { method: 'POST', body: { city: '{city}', who: '{sender}' } };

export class ApisUnderTest implements AsyncDisposable {
  readonly pool: Pool;
  readonly api: MisbehavingApi;
  readonly #database: ScratchDatabase;
  #asked = 0;

  static async start(databaseUrl: string): Promise<ApisUnderTest> {
    return new ApisUnderTest(await scratchDatabase(databaseUrl), await MisbehavingApi.start());
  }

  private constructor(database: ScratchDatabase, api: MisbehavingApi) {
    this.#database = database;
    this.api = api;
    this.pool = createPool(database.url, SILENT);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pool.end();
    await this.api[Symbol.asyncDispose]();
    await this.#database[Symbol.asyncDispose]();
  }

  /** One API of that name at the path of the same name. */
  declared(fields: Readonly<Record<string, unknown>>, name = 'a'): Declarations {
    const base = {
      description: { en: 'a', pt: 'a' },
      arguments: [{ name: 'city', kind: 'word' }],
      method: 'GET',
      url: this.api.url(`/${name}?q={city}`),
      private_addresses: true,
      timeout_seconds: 20,
      reply: '{response.text}',
      per_minute: 1_000,
    };
    return this.read({ apis: { [name]: { ...base, ...fields } } });
  }

  read(file: unknown): Declarations {
    const environment = { API_SECRET };
    return readDeclarations({ fileName: 'f', text: JSON.stringify(file), knownCommands: [], environment });
  }

  /** With lanes of its own, which end with the test. */
  asking(declarations: Declarations, resolve?: Resolve): Asking {
    const lanes = new CallLanes({
      ...{ declarations, pool: this.pool, logger: SILENT, metrics: commandsMetrics(new Registry()) },
      clock: { nowMs: () => NOW_MS },
      codec: { encode: (_topic: unknown, value: unknown) => Buffer.from(JSON.stringify(value)) },
      ...{ maxAgeMs: 600_000, outgoingPartitions: 6, onReply: () => undefined },
      ...(resolve !== undefined && { resolve }),
    });
    lanes.start();
    onTestFinished(() => lanes.stop());
    const post = async (...contents: readonly string[]): Promise<readonly string[]> => {
      const ids = contents.map(() => `m${(this.#asked += 1)}`);
      const events = contents.map((content, index) => command(content, ids[index] ?? '', { actor: 'ana' }));
      await handle(this.pool, events, { declarations, onCall: (target) => lanes.announce(target) });
      return ids;
    };
    const ask = async (content: string): Promise<string> => {
      const [id = ''] = await post(content);
      return await vi.waitFor(async () => {
        const reply = (await this.replies()).find(({ inReplyTo }) => inReplyTo === id);
        if (reply === undefined) throw new Error('no reply yet');
        return reply.content;
      }, WAIT);
    };
    return { lanes, post, ask };
  }

  async replies(): Promise<readonly Dispatch[]> {
    const { rows } = await this.pool.query<{ value: Buffer }>('select value from outbox order by sequence');
    return rows.map(({ value }) => JSON.parse(value.toString()) as Dispatch);
  }

  /** Of the calls, in their order. */
  async statuses(): Promise<readonly string[]> {
    const { rows } = await this.pool.query<{ status: string }>(
      `select status from effects where kind = 'call' order by created_at`,
    );
    return rows.map(({ status }) => status);
  }
}

interface Asking {
  readonly lanes: CallLanes;
  /** Sends commands as one batch; returns the ids of the messages. */
  readonly post: (...contents: readonly string[]) => Promise<readonly string[]>;
  /** Sends a command and waits for its reply's text. */
  readonly ask: (content: string) => Promise<string>;
}
