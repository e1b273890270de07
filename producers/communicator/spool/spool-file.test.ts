import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readGroup, type Spooled, writeGroup } from './group-body.ts';
import { type NewGroup, SpoolFile } from './spool-file.ts';

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'spool-'));
  path = join(folder, 'spool.sqlite');
});

afterEach(() => rmSync(folder, { recursive: true }));

function group(number: number, bytes = 100, epoch = 'e1'): NewGroup {
  const numbers = [{ from: number, to: number }];
  return { epoch, settledUpTo: 0, numberedUpTo: number, frames: 1, numbers, body: Buffer.alloc(bytes, number) };
}

function note(file: SpoolFile, epoch: string, settledUpTo: number, forgetUpTo: number): void {
  file.note({ epoch, settledUpTo, numberedUpTo: settledUpTo }, forgetUpTo, [], 0);
}

describe('a group', () => {
  test('comes back as it was written', () => {
    const receipt = { source: 'ä', connection: 'c', gatewayEpoch: 'e', receivedAt: 5 };
    const spooled: Spooled[] = ['', '{"a":"ü"}', '\u0000'].map((text, index) => ({
      receipt: { ...receipt, ingestSeq: index + 1 },
      frame: { bytes: Buffer.from(text), isBinary: index === 2 },
    }));
    expect(readGroup(writeGroup(spooled))).toEqual(spooled);
    expect(() => readGroup(writeGroup(spooled).subarray(0, -1))).toThrow(RangeError);
  });
});

describe('the file', () => {
  test('has what was committed when it is opened again, oldest first', () => {
    const file = new SpoolFile(path);
    for (const number of [1, 2, 3]) file.commit(group(number), 0);
    file.close();
    const again = new SpoolFile(path);
    expect(again.state()).toEqual({
      epochs: [{ epoch: 'e1', settledUpTo: 0, numberedUpTo: 3, hasSpooled: true }],
      lastId: 3,
      bytes: 300,
      groups: 3,
    });
    expect(again.read(1, 8).map(({ id, body }) => [id, body?.[0]])).toEqual([
      [2, 2],
      [3, 3],
    ]);
    again.close();
  });

  test('that is full refuses a group whole, and takes it when others are forgotten', () => {
    const file = new SpoolFile(path, 60);
    let number = 1;
    const fill = (): void => {
      for (; number < 1_000; number += 1) file.commit(group(number, 20_000), 0);
    };
    expect(fill).toThrow('database or disk is full');
    expect(number).toBeGreaterThan(3);
    const { groups, epochs } = file.state();
    expect([groups, epochs[0]?.numberedUpTo]).toEqual([number - 1, number - 1]);
    // The same call makes the room and takes it.
    file.commit({ ...group(number, 20_000), settledUpTo: 3 }, 3);
    expect(file.state()).toMatchObject({ groups: number - 3, lastId: number, epochs: [{ settledUpTo: 3 }] });
    file.close();
  });

  test('gives the room of what it forgot back to the file system, step by step', () => {
    const file = new SpoolFile(path);
    for (let number = 1; number <= 40; number += 1) file.commit(group(number, 1_000_000), 0);
    for (let round = 1; round <= 20; round += 1) note(file, 'e1', round, 40);
    file.close();
    expect(statSync(path).size).toBeLessThan(20_000_000);
  });

  test('keeps the numbers of an earlier epoch until that one is closed', () => {
    const first = new SpoolFile(path);
    for (const number of [1, 2, 5]) first.commit(group(number), 0);
    first.close();
    const second = new SpoolFile(path);
    const own = second.commit(group(1, 100, 'e2'), 0);
    note(second, 'e2', 1, own);
    expect(second.state()).toMatchObject({ groups: 0, bytes: 0 });
    expect(second.numbers('e1')).toEqual([
      { from: 1, to: 2 },
      { from: 5, to: 5 },
    ]);
    second.closeEpoch('e1');
    expect(second.numbers('e1')).toEqual([]);
    expect(second.state().epochs.map(({ epoch }) => epoch)).toEqual(['e2']);
    second.close();
  });

  test('never takes an account back', () => {
    const file = new SpoolFile(path);
    file.commit({ ...group(7), settledUpTo: 5 }, 0);
    note(file, 'e1', 3, 0);
    expect(file.state().epochs).toEqual([{ epoch: 'e1', settledUpTo: 5, numberedUpTo: 7, hasSpooled: true }]);
    file.close();
  });

  test('keeps the newest position of each stream', () => {
    const file = new SpoolFile(path);
    const at = (upto: number) => ({ source: 's', stream: 't', epoch: 'x', upto });
    file.note({ epoch: 'e1', settledUpTo: 0, numberedUpTo: 0 }, 0, [at(3)], 1);
    file.note({ epoch: 'e1', settledUpTo: 0, numberedUpTo: 0 }, 0, [at(9)], 2);
    expect([file.position('s', 't'), file.position('s', 'other')]).toEqual([at(9), undefined]);
    file.close();
  });

  test('that is none is refused, and left as it is', () => {
    writeFileSync(path, 'not a database '.repeat(1_000));
    expect(() => new SpoolFile(path)).toThrow(expect.objectContaining({ code: 'PMC_SPOOL_UNREADABLE' }));
    expect(readFileSync(path, 'utf8')).toBe('not a database '.repeat(1_000));
  });

  test('whose tables are damaged is refused when its state is asked', () => {
    const file = new SpoolFile(path);
    for (let number = 1; number <= 50; number += 1) file.commit(group(number, 5_000), 0);
    file.close();
    const bytes = readFileSync(path);
    // All pages but the first, which has the schema.
    bytes.fill(0xff, 4_096);
    writeFileSync(path, bytes);
    const state = (): unknown => new SpoolFile(path).state();
    expect(state).toThrow(expect.objectContaining({ code: 'PMC_SPOOL_UNREADABLE' }));
  });

  test('in a folder that is not there says where to look', () => {
    expect(() => new SpoolFile(join(folder, 'nowhere', 'a.sqlite'))).toThrow('PMC_SPOOL_FOLDER');
  });
});
