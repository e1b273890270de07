// A database whose machine is gone says nothing more, not even that it is gone: who waits for its answer must not wait for the
// kernel's two hours. Needs a link that loses everything, where this machine allows one.
import { spawn } from 'node:child_process';
import { pino } from 'pino';
import { expect, onTestFinished, test, vi } from 'vitest';
import { NamespaceLink } from '../../experiment/faults/namespace-link.ts';
import { migrateDatabase } from '../../schemas/database/migrate.ts';
import { createPool, withConnection } from '../../service/database.ts';

const PORT = 4_000;
/** Lets everybody in, by PostgreSQL's own messages (authentication ok, ready), and answers no query. */
const SERVER = `require('node:net').createServer((peer) => peer.on('error', () => 0).once('data', () => {
  peer.write(Buffer.from([82, 0, 0, 0, 8, 0, 0, 0, 0, 90, 0, 0, 0, 5, 73]));
  peer.on('data', () => console.log('asked'));
})).listen(${PORT}, () => console.log('ready'));`;

const support = await NamespaceLink.support();

test.runIf(support.isAvailable && support.outages.includes('blackhole'))(
  'a query that waits for a server that is gone fails, or is sent to it, and one that only waits does not',
  { timeout: 180_000 },
  async () => {
    const link = await NamespaceLink.open('test', {});
    onTestFinished(() => link.close());
    const { command, args } = link.inside(process.execPath, ['-e', SERVER]);
    const server = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void server.kill('SIGKILL'));
    let said = '';
    server.stdout.on('data', (chunk) => (said += String(chunk)));
    await vi.waitFor(() => expect(said).toContain('ready'), 30_000);

    const url = `postgres://x@${link.host}:${PORT}/x`;
    const pool = createPool(url, pino({ level: 'silent' }), 2);
    onTestFinished(() => pool.end());
    const idle = await pool.connect();
    const waiting = [
      pool.query('select 1'),
      withConnection(url, async (client) => await client.query('select 1')),
      migrateDatabase(url),
    ];
    const ended: unknown[] = [];
    const all = Promise.all(waiting.map((one) => one.catch((error: unknown) => ended.push(error))));
    await vi.waitFor(() => expect(said.match(/asked/g)).toHaveLength(waiting.length), 30_000);
    // Longer than a silence may be, with a machine at the other end.
    await new Promise((resolve) => setTimeout(resolve, 30_000));
    expect(ended).toEqual([]);

    await link.begin('blackhole');
    // The kernel would send this again and again for a quarter of an hour.
    await expect(idle.query('select 1')).rejects.toMatchObject({ code: 'PMC_DATABASE_UNREACHABLE' });
    idle.release(true);
    await all;
    expect(ended).toMatchObject(
      waiting.map(() => ({ code: expect.stringMatching(/^(ETIMEDOUT|PMC_DATABASE_UNREACHABLE)$/) })),
    );
  },
);
