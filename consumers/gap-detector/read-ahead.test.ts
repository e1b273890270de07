import { expect, test } from 'vitest';
import { ahead } from './read-ahead.ts';

/** Gives 1, 2, 3 and then fails or ends; tells what it was asked for and whether it was left. */
function counted(failure?: Error) {
  const said: string[] = [];
  async function* source() {
    try {
      for (const one of [1, 2, 3]) {
        said.push(`asked for ${one}`);
        yield await Promise.resolve(one);
      }
      if (failure !== undefined) throw failure;
    } finally {
      said.push('left');
    }
  }
  return { said, source };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('gives all in order, and asks for one more while one is worked on', async () => {
  const { said, source } = counted();
  const got: number[] = [];
  for await (const one of ahead(source())) {
    got.push(one);
    await turn();
    if (one < 3) expect(said.at(-1)).toBe(`asked for ${one + 1}`);
  }
  expect(got).toEqual([1, 2, 3]);
  expect(said.filter((word) => word === 'left')).toHaveLength(1);
});

test('fails where its source fails, after all that came before', async () => {
  const { source } = counted(new Error('no more'));
  const got: number[] = [];
  await expect(async () => {
    for await (const one of ahead(source())) {
      got.push(one);
      await turn();
    }
  }).rejects.toThrow('no more');
  expect(got).toEqual([1, 2, 3]);
});

test('leaves its source when it is left', async () => {
  const { said, source } = counted();
  for await (const one of ahead(source())) if (one === 1) break;
  expect(said.at(-1)).toBe('left');
});
