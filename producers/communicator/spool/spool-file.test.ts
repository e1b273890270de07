import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
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
  return {
    epoch,
    settledUpTo: 0,
    numberedUpTo: number,
    ends: [],
    frames: 1,
    numbers,
    body: Buffer.alloc(bytes, number),
  };
}

function note(file: SpoolFile, epoch: string, settledUpTo: number, forgetUpTo: number): void {
  file.note({ epoch, settledUpTo, numberedUpTo: settledUpTo, ends: [], elsewhere: [] }, forgetUpTo, [], 0);
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
      epochs: [{ epoch: 'e1', settledUpTo: 0, numberedUpTo: 3, ends: [], elsewhere: [], hasSpooled: true }],
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

  test('of before is of the first process that opens it, though that one has written nothing yet', () => {
    new SpoolFile(path).close();
    const first = new SpoolFile(path);
    first.state();
    expect(() => new SpoolFile(path)).toThrow(expect.objectContaining({ code: 'PMC_SPOOL_IN_USE' }));
    note(first, 'e1', 1, 0);
    first.close();
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
    expect(file.state().epochs).toEqual([
      { epoch: 'e1', settledUpTo: 5, numberedUpTo: 7, ends: [], elsewhere: [], hasSpooled: true },
    ]);
    file.close();
  });

  test('has where an epoch had appended until that one is closed', () => {
    const file = new SpoolFile(path);
    const ends = (offset: number) => [{ topic: 't', partition: 2, offset }];
    file.note({ epoch: 'e1', settledUpTo: 1, numberedUpTo: 1, ends: ends(5), elsewhere: [] }, 0, [], 0);
    file.commit({ ...group(7), ends: ends(6) }, 0);
    note(file, 'e2', 3, 0);
    expect(file.state().epochs.map((row) => row.ends)).toEqual([ends(6), []]);
    file.closeEpoch('e1');
    note(file, 'e1', 0, 0);
    expect(file.state().epochs.map((row) => row.ends)).toEqual([[], []]);
    file.close();
  });

  test('of the version before is opened, and that version can open it again', () => {
    const account = 'insert into epochs values (?, ?, ?, ?)';
    const before = new DatabaseSync(path);
    before.exec(`create table epochs (epoch text primary key, settled_up_to integer not null,
      numbered_up_to integer not null, has_spooled integer not null) strict, without rowid`);
    before.prepare(account).run('e1', 4, 6, 1);
    before.close();
    const file = new SpoolFile(path);
    const old = { epoch: 'e1', settledUpTo: 4, numberedUpTo: 6, ends: [], elsewhere: [], hasSpooled: true };
    expect(file.state().epochs).toEqual([old]);
    note(file, 'e2', 3, 0);
    file.close();
    const again = new DatabaseSync(path);
    expect(again.prepare(account).run('e3', 1, 1, 0).changes).toBe(1);
    again.close();
  });

  test('keeps the newest position of each stream', () => {
    const file = new SpoolFile(path);
    const at = (upto: number) => ({ source: 's', stream: 't', epoch: 'x', upto });
    file.note({ epoch: 'e1', settledUpTo: 0, numberedUpTo: 0, ends: [], elsewhere: [] }, 0, [at(3)], 1);
    file.note({ epoch: 'e1', settledUpTo: 0, numberedUpTo: 0, ends: [], elsewhere: [] }, 0, [at(9)], 2);
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
