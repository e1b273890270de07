// Faults between a reply and its delivery: a reply that a peer has passed over. What waits for its peer is planted as well. Pure.
import type { FaultCase } from './fault-case.ts';
import { Peer, YOUNG_MS } from './peer.ts';
import { type Expected, PURGED_AGO_MS } from './plan.ts';
import { repeated } from './reply-cases.ts';
import type { PlannedReply } from './reply-plan.ts';

const stage = 'reply-to-delivered';

const undelivered = ({ partition, offset, dispatch: { replyId } }: PlannedReply): Expected => {
  return { kind: 'reply-missing', stage, partition, offset, replyId };
};

export const DELIVERY_CASES: readonly FaultCase[] = [
  {
    name: 'a reply was passed over by its peer',
    stage,
    fault: 'loss',
    plant: (planner, gateway) => {
      const peer = new Peer(planner, gateway, 'skipping');
      const lane = peer.anyLane();
      peer.acknowledge(peer.askAnswered(lane));
      const lost = peer.askAnswered(lane);
      peer.acknowledge(peer.askAnswered(lane));
      return [undelivered(lost)];
    },
  },
  {
    name: 'replies are delivered in order',
    stage,
    fault: 'none',
    plant: (planner, gateway) => {
      const peer = new Peer(planner, gateway, 'orderly');
      for (const reply of [peer.askAnswered(), peer.askAnswered(), peer.askAnswered()]) peer.acknowledge(reply);
      return [];
    },
  },
  {
    name: 'retention deleted the acknowledgement of a reply, and that of a later one not yet',
    stage,
    fault: 'none',
    plant: (planner, gateway) => {
      const peer = new Peer(planner, gateway, 'purged');
      const lane = peer.anyLane();
      peer.acknowledgeLongAgo(peer.askAnswered(lane, planner.nowMs - 2 * PURGED_AGO_MS));
      peer.acknowledge(peer.askAnswered(lane));
      return [];
    },
  },
  {
    name: 'a reply waits for its peer',
    stage,
    fault: 'none',
    plant: (planner, gateway) => {
      const peer = new Peer(planner, gateway, 'away');
      const lane = peer.anyLane();
      peer.acknowledge(peer.askAnswered(lane));
      peer.askAnswered(lane);
      return [];
    },
  },
  {
    name: 'a reply of a moment ago lies before a delivered one',
    stage,
    fault: 'none',
    plant: (planner, gateway) => {
      const peer = new Peer(planner, gateway, 'quick');
      const lane = peer.anyLane();
      peer.askAnswered(lane, planner.nowMs + YOUNG_MS);
      peer.acknowledge(peer.askAnswered(lane));
      return [];
    },
  },
  {
    name: 'a later reply to another source is delivered',
    stage,
    fault: 'none',
    plant: (planner, gateway) => {
      const [silent, other] = [new Peer(planner, gateway, 'silent'), new Peer(planner, gateway, 'other')];
      const { partition } = silent.askAnswered();
      other.acknowledge(other.askAnswered(partition));
      return [];
    },
  },
  {
    name: 'a reply of another partition is delivered',
    stage,
    fault: 'none',
    plant: (planner, gateway) => {
      const peer = new Peer(planner, gateway, 'apart');
      const { offset } = peer.askAnswered(0);
      let later: PlannedReply;
      do {
        later = peer.askAnswered(1);
        peer.acknowledge(later);
      } while (later.offset <= offset);
      return [];
    },
  },
  {
    name: 'a delivered reply is on the log again',
    stage,
    fault: 'duplicate',
    plant: (planner, gateway) => {
      const peer = new Peer(planner, gateway, 'again');
      const { dispatch, ...first } = peer.askAnswered();
      peer.acknowledge({ dispatch, ...first });
      peer.askAnswered(first.partition);
      return [repeated('duplicate', planner.replies.append(dispatch, first.partition))];
    },
  },
];
