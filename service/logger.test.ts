import { expect, test } from 'vitest';
import { createLogger } from './logger.ts';
import { tokenOf } from './token-format.ts';

test('a line is one JSON object with its event, and without a token that got into it', () => {
  const lines: string[] = [];
  const logger = createLogger('test', 'info', { write: (line) => void lines.push(line) });
  const token = tokenOf(Buffer.alloc(32, 7));
  logger.info({ hello: { token }, error: `no such token ${token}` }, 'peer.refused');
  expect(lines).toHaveLength(1);
  expect(lines.join()).not.toContain(token.slice(8));
  expect(JSON.parse(lines.join())).toMatchObject({
    event: 'peer.refused',
    level: 'info',
    service: 'test',
    hello: { token: 'pmc_(hidden)' },
  });
});
