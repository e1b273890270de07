// Faults between a command and its reply: a command that nobody handled, a reply that is not on the log, or is there as another one or
// again. What has a reason to have no effect, or no reply yet, is planted as well. Pure.
import { derivedUuid } from '../../../schemas/event-key.ts';
import type { FaultCase, Gateway } from './fault-case.ts';
import { Peer, YOUNG_MS } from './peer.ts';
import { CUT_PARTITION, type DrillPlanner, type Expected, PARTITIONS, type Place } from './plan.ts';
import type { PlannedReply } from './reply-plan.ts';

const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;
const stage = 'command-to-reply';

const passedOver = ({ partition, offset }: Place): Expected => ({ kind: 'reply-missing', stage, partition, offset });
const unanswered = ({ id }: { readonly id: string }): Expected => ({ kind: 'reply-missing', stage, replyId: id });
export const repeated = (
  kind: 'duplicate' | 'reply-doubled',
  { partition, offset, dispatch }: PlannedReply,
): Expected => {
  return { kind, stage, partition, offset, replyId: `${dispatch.replyId}@${offset}` };
};

export const REPLY_CASES: readonly FaultCase[] = [
  {
    name: 'nobody handled a stored command',
    stage,
    fault: 'loss',
    plant: (planner, gateway) => [passedOver(new Peer(planner, gateway, 'passed').ask())],
  },
  {
    name: 'a reply was sent and is not on the log',
    stage,
    fault: 'loss',
    plant: (planner, gateway) => {
      const command = new Peer(planner, gateway, 'lost').askHandled();
      planner.replies.sent.push(planner.replies.dispatch(command));
      return [unanswered(command)];
    },
  },
  {
    name: 'a reply on the log cannot be read',
    stage,
    fault: 'alteration',
    plant: (planner, gateway) => {
      const peer = new Peer(planner, gateway, 'unreadable');
      planner.replies.appendBytes(Buffer.from('no reply'), peer.anyLane());
      return [unanswered(peer.askHandled())];
    },
  },
  {
    name: 'a reply on the log names another command',
    stage,
    fault: 'alteration',
    plant: (planner, gateway) => {
      const peer = new Peer(planner, gateway, 'renamed');
      const command = peer.askHandled();
      const eventKey = derivedUuid('drill', command.id);
      planner.replies.append(planner.replies.dispatch(command, { eventKey }), peer.anyLane());
      return [unanswered(command)];
    },
  },
  {
    name: 'a reply was altered by one character',
    stage,
    fault: 'alteration',
    plant: (planner, gateway) => {
      const peer = new Peer(planner, gateway, 'altered');
      const sent = planner.replies.dispatch(peer.askHandled());
      planner.replies.sent.push(sent);
      const { partition, offset } = planner.replies.append({ ...sent, content: 'Pong' }, peer.anyLane());
      return [{ kind: 'altered', stage, partition, offset, replyId: sent.replyId }];
    },
  },
  {
    name: 'a reply is on the log as it was sent',
    stage,
    fault: 'none',
    plant: (planner, gateway) => {
      planner.replies.sent.push(new Peer(planner, gateway, 'sent').askAnswered().dispatch);
      return [];
    },
  },
  {
    name: 'a reply is on the log twice',
    stage,
    fault: 'duplicate',
    plant: (planner, gateway) => {
      const { partition, dispatch } = new Peer(planner, gateway, 'repeated').askAnswered();
      return [repeated('duplicate', planner.replies.append(dispatch, partition))];
    },
  },
  {
    name: 'a command has two replies',
    stage,
    fault: 'duplicate',
    plant: (planner, gateway) => {
      const { partition, dispatch } = new Peer(planner, gateway, 'doubled').askAnswered();
      const replyId = derivedUuid('drill', dispatch.replyId);
      return [repeated('reply-doubled', planner.replies.append({ ...dispatch, replyId }, partition))];
    },
  },
  {
    name: 'a command was skipped, and its effect says so',
    stage,
    fault: 'none',
    plant: (planner, gateway) => {
      new Peer(planner, gateway, 'skipped').askHandled({ status: 'skipped' });
      return [];
    },
  },
  {
    name: 'a command had its effect a moment ago',
    stage,
    fault: 'none',
    plant: (planner, gateway) => {
      new Peer(planner, gateway, 'fresh').askHandled({ atMs: planner.nowMs + YOUNG_MS });
      return [];
    },
  },
  {
    name: 'a command was stored a moment ago',
    stage,
    fault: 'none',
    plant: (planner, gateway) => {
      new Peer(planner, gateway, 'young').ask({ storedAtMs: planner.nowMs + YOUNG_MS });
      return [];
    },
  },
  {
    name: 'a command has its reply, and its effect is gone',
    stage,
    fault: 'none',
    plant: (planner, gateway) => {
      const peer = new Peer(planner, gateway, 'restored');
      planner.replies.append(planner.replies.dispatch(peer.ask()), peer.anyLane());
      return [];
    },
  },
  {
    name: 'the effect of an old command is forgotten',
    stage,
    fault: 'none',
    plant: (planner, gateway) => {
      planner.replies.forgottenBeforeMs = planner.nowMs - 2 * HOUR_MS;
      new Peer(planner, gateway, 'forgotten').ask({ receivedAt: planner.nowMs - 3 * HOUR_MS });
      return [];
    },
  },
  {
    name: 'a reply of our own is echoed',
    stage,
    fault: 'none',
    plant: (planner, gateway) => {
      new Peer(planner, gateway, 'echoing').ask({ members: { sender: 'pmc' } });
      return [];
    },
  },
  {
    name: 'the outbox has not been emptied for an hour',
    stage,
    fault: 'none',
    plant: (planner, gateway) => {
      const command = new Peer(planner, gateway, 'waiting').askHandled({ receivedAt: planner.nowMs - HOUR_MS });
      planner.replies.unsent.push(planner.replies.dispatch(command));
      return [];
    },
  },
];

/**
 * First in their partitions, of which they then leave the log: of a command below the first that has an effect nobody can say whether
 * there was a commands service to handle it, of one above it anybody can.
 */
export function plantBehindTheLog(planner: DrillPlanner): void {
  let ingestSeq = 0;
  // Of frames that have left the log no gateway remembers anything either.
  const frame: Gateway['frame'] = (changes, members) => {
    ingestSeq += 1;
    return planner.event({ gatewayEpoch: 'drill-behind', ingestSeq, ...changes }, members);
  };
  const peer = new Peer(planner, { frame }, 'behind');
  const partition = CUT_PARTITION;
  peer.ask({ partition });
  const beginsMs = planner.nowMs - HOUR_MS / 4;
  const answer = (lane: number, receivedAt: number, atMs = receivedAt): void => {
    planner.replies.append(planner.replies.dispatch(peer.askHandled({ partition, receivedAt, atMs })), lane);
  };
  answer(0, planner.nowMs - HOUR_MS / 2);
  // Its effect was written by another clock, or a moment later.
  answer(0, beginsMs - SECOND_MS, beginsMs + 10 * SECOND_MS);
  planner.replies.cutLog(0);
  answer(0, beginsMs);
  // Each partition forgets for itself.
  answer(1, planner.nowMs - HOUR_MS);
  const passed = peer.ask({ partition });
  planner.cutLog(partition);
  planner.cases.push(
    { name: 'a command left the log before there was a service', stage, fault: 'none', expected: [] },
    {
      name: 'a reply has left the log, and older ones of another partition have not',
      stage,
      fault: 'none',
      expected: [],
    },
    {
      name: 'a reply that was made before its effect was written has left the log',
      stage,
      fault: 'none',
      expected: [],
    },
    { name: 'a command that nobody handled has left the log', stage, fault: 'loss', expected: [passedOver(passed)] },
  );
}

/** The last: the group of the commands service has committed before, and on one partition never. */
export function plantWaiting(planner: DrillPlanner, gateway: Gateway): void {
  const never = PARTITIONS - 1;
  for (let partition = 0; partition < never; partition += 1)
    planner.replies.committed.set(partition, planner.end(partition));
  const peer = new Peer(planner, gateway, 'asking');
  for (const partition of [0, never]) peer.ask({ partition });
  planner.cases.push(
    { name: 'a command waits for the commands service', stage, fault: 'none', expected: [] },
    { name: 'the commands service has never committed', stage, fault: 'none', expected: [] },
  );
}
