// A disk that is really full (a small file system in memory, which only root may mount): the simulator sends nothing that it cannot
// write down, says so, holds a bounded amount, and goes on where it was when there is room again.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { hashOf } from '../../producers/chaos-socket/verdict/verdict.testing.ts';
import { meet, startSimulator } from '../support/simulator.ts';

const mount = (...args: readonly string[]): boolean => spawnSync('mount', args).status === 0;

function smallDisk() {
  const folder = mkdtempSync(join(tmpdir(), 'pmc-full-'));
  const isMounted = mount('-t', 'tmpfs', '-o', 'size=128k', 'tmpfs', folder);
  const remove = () => {
    if (isMounted) spawnSync('umount', ['--lazy', folder]);
    rmSync(folder, { recursive: true, force: true });
  };
  return { folder, isMounted, remove, enlarge: () => mount('-o', 'remount,size=256m', folder) };
}

const probe = smallDisk();
probe.remove();

describe.skipIf(!probe.isMounted)('a full disk', () => {
  async function started(protocols: string[]) {
    const disk = smallDisk();
    onTestFinished(disk.remove);
    // A busy source: what waits for the disk is 8 MiB at the most, and it takes seconds to come to that.
    const simulator = await startSimulator({ PMC_CHAOS_RATE: '6000', PMC_HOME: join(disk.folder, 'home') });
    const peer = await meet(simulator.wsUrl, protocols);
    const status = async () =>
      (await simulator.get('/api/status')).body as { sent: number; notSent: Record<string, number> };
    const isReady = () => simulator.health.report().ready;
    /** The disk has refused, and there has been no room since: a burst alone may fill what waits while the disk still takes it. */
    const full = async () => {
      await vi.waitFor(() => expect(isReady()).toBe(false), 60_000);
      const { 'ledger-full': before = 0 } = (await status()).notSent;
      await vi.waitFor(
        async () => expect((await status()).notSent['ledger-full']).toBeGreaterThan(before + 500),
        60_000,
      );
    };
    return { disk, simulator, peer, status, full, isReady };
  }

  test('stops a plain source, is said aloud, and nothing was sent that the ledger does not have in the end', async () => {
    const { disk, simulator, peer, status, full, isReady } = await started([]);
    await simulator.post('/api/faults', '{"fault":"drop","probability":0.5}');
    await full();
    const [{ sent }, faults] = [await status(), (await simulator.get('/api/faults')).body['fired']];
    await full();
    // Not one more, nor any other line: what is not written down does not happen.
    expect((await status()).sent).toBe(sent);
    expect((await simulator.get('/api/faults')).body['fired']).toBe(faults);
    expect(disk.enlarge()).toBe(true);
    await vi.waitFor(() => expect(isReady()).toBe(true), 20_000);
    await vi.waitFor(async () => expect((await status()).sent).toBeGreaterThan(sent), 20_000);
    const got = peer.frames.map(({ bytes }) => hashOf(bytes));
    expect((await simulator.sent()).map(({ sha256 }) => sha256).slice(0, got.length)).toEqual(got);
  });

  test('halts a source that counts in the middle of its stream, and it goes on without a gap', async () => {
    const { disk, peer, full, status } = await started(['pmc.v1']);
    let lastSeq = 0;
    const gaps: number[] = [];
    peer.socket.on('message', (bytes: Buffer) => {
      const { op, epoch, seq } = JSON.parse(String(bytes)) as { op?: string; epoch: string; seq: number };
      if (op !== undefined) return;
      if (seq !== lastSeq + 1) gaps.push(seq);
      lastSeq = seq;
      if (seq % 20 === 0) peer.socket.send(JSON.stringify({ op: 'ack', epoch, upto: seq }));
    });
    await peer.got(1);
    peer.socket.send('{"op":"welcome","last":null,"limits":{"window":200}}');
    await full();
    const { sent } = await status();
    expect(disk.enlarge()).toBe(true);
    await vi.waitFor(async () => expect((await status()).sent).toBeGreaterThan(sent + 2_000), 20_000);
    expect(gaps).toEqual([]);
  });
});
