// Frames that are no event: each kind breaks another assumption of whoever reads them. The event itself follows unharmed.
import { z } from 'zod';
import { below, type Random } from '../../../service/random.ts';
import { AT_ONCE, type Delivery } from '../delivery.ts';
import { defineFault, frames } from './fault.ts';

const KINDS = ['truncated', 'bad-utf8', 'nan', 'wrong-types', 'binary', 'empty'] as const;
type Kind = (typeof KINDS)[number];

export const malformed = defineFault({
  name: 'malformed',
  does: `Before an event goes a frame that is none; one of ${KINDS.join(', ')}, drawn where \`kind\` names none.`,
  expects: 'kept as a rejected frame (wrong types: a row, flagged); the connection lives',
  options: z.strictObject({ kind: z.enum(KINDS).optional() }),
  strike: ({ kind }, { delivery, random }) => {
    const chosen = kind ?? KINDS[below(random, KINDS.length)] ?? 'truncated';
    const broken: Delivery = {
      data: BODY[chosen](delivery.data.toString(), random),
      binary: chosen === 'binary',
      event: undefined,
      id: undefined,
      chat: undefined,
      numbering: 'none',
      release: AT_ONCE,
      isSent: true,
      isRetained: false,
      expect: chosen === 'wrong-types' ? 'stored' : 'rejected',
    };
    return frames(broken, delivery);
  },
});

const BODY: Readonly<Record<Kind, (text: string, random: Random) => string | Buffer>> = {
  truncated: (text, random) => text.slice(0, 1 + below(random, Math.max(1, text.length - 2))),
  'bad-utf8': (text) => Buffer.concat([Buffer.from(text.slice(0, -1)), Buffer.from([0xc3, 0x28, 0xff])]),
  nan: (text) => `${text.slice(0, -1)},"n":NaN}`,
  'wrong-types': (_, random) =>
    JSON.stringify({
      event: 'message',
      id: below(random, 1_000_000),
      chat: [],
      sender: {},
      content: 7,
      timestamp: true,
    }),
  binary: (text) => Buffer.from(text),
  empty: () => '',
};
