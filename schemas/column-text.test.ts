import { describe, expect, test } from 'vitest';
import { columnText, columnTextBytes, storable } from './column-text.ts';

const UNCHANGED = { isSanitised: false, isTruncated: false };

test('storable text is the same text', () => {
  expect(storable('olá 💯')).toBe('olá 💯');
});

test('U+0000 and halves of pairs are replaced, whole pairs stay', () => {
  expect(storable('\u0000a\ud83d💯\udcaf')).toBe('\uFFFDa\uFFFD💯\uFFFD');
});

describe('columnText', () => {
  test('keeps what fits exactly', () => {
    expect(columnText('12345', 5)).toEqual({ text: '12345', ...UNCHANGED });
  });

  test('cuts what does not, and never splits a pair', () => {
    expect(columnText('123456', 5)).toEqual({ text: '12345', isSanitised: false, isTruncated: true });
    expect(columnText('1234💯', 5)).toEqual({ text: '1234', isSanitised: false, isTruncated: true });
  });

  test('says both when both happened', () => {
    expect(columnText('\u0000\u00001', 2)).toEqual({ text: '\uFFFD\uFFFD', isSanitised: true, isTruncated: true });
  });
});

describe('columnTextBytes', () => {
  test('keeps what fits exactly in UTF-8', () => {
    expect(columnTextBytes('éé', 4)).toEqual({ text: 'éé', ...UNCHANGED });
  });

  test('cuts at the start of the character that does not fit', () => {
    expect(columnTextBytes('éé', 3).text).toBe('é');
    expect(columnTextBytes('a💯', 4)).toEqual({ text: 'a', isSanitised: false, isTruncated: true });
    expect(columnTextBytes('💯', 3).text).toBe('');
  });
});
