import { defineCommand } from '../definition.ts';
import { durationText } from '../wording.ts';

export const ping = defineCommand({
  name: 'ping',
  description: { en: 'is anybody there, and how fast', pt: 'se há alguém aí, e com que rapidez' },
  parameters: {},
  needs: [],
  reply: ({ nowMs, receivedAtMs }) => `pong (answered ${durationText(nowMs - receivedAtMs)} after receipt)`,
});
