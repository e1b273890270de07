import type { CommandDefinition } from '../definition.ts';
import { durationText } from '../wording.ts';

export const ping: CommandDefinition = {
  name: 'ping',
  description: 'is anybody there, and how fast',
  needs: [],
  reply: ({ nowMs, receivedAtMs }) => `pong (answered ${durationText(nowMs - receivedAtMs)} after receipt)`,
};
