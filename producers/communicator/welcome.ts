// What a peer is told when its hello is taken: up to where its events are settled, and where dispatches go on. A position is
// always there, also when none ever came. Pure.
import { PROTOCOL_LIMITS } from '../../schemas/protocol/codes.ts';
import type { Welcome } from '../../schemas/protocol/frames.ts';
import type { Granted } from './admission.ts';
import type { StreamAccount } from './stream-account.ts';

export interface WelcomeFacts {
  readonly session: string;
  readonly gatewayEpoch: string;
  readonly nowMs: number;
  readonly account: Pick<StreamAccount, 'epoch' | 'isKnown' | 'upto'>;
  readonly granted: Pick<Granted, 'rate' | 'burst'>;
  readonly position: Welcome['in'];
}

export function welcomeFrame({ session, gatewayEpoch, nowMs, account, granted, position }: WelcomeFacts): Welcome {
  const { frameBytes, contentBytes, window, credit, pingMs, pongMs } = PROTOCOL_LIMITS;
  const { rate, burst } = granted;
  return {
    op: 'welcome',
    session,
    server_time: new Date(nowMs).toISOString(),
    gateway_epoch: gatewayEpoch,
    last: account.isKnown ? { epoch: account.epoch, seq: account.upto } : null,
    in: position,
    limits: { frame: frameBytes, content: contentBytes, rate, burst, window, credit },
    ping_ms: pingMs,
    pong_ms: pongMs,
  };
}
