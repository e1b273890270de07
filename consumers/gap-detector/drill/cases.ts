// The two logs of a drill: one without a fault, and one with every fault, each with what must be found of it. Pure.
import { below } from '../../../service/random.ts';
import { DELIVERY_CASES } from './delivery-cases.ts';
import { at, Gateway } from './fault-case.ts';
import { GATEWAY_CASES, plantEpochs } from './gateway-cases.ts';
import { Peer } from './peer.ts';
import { type DrillPlan, DrillPlanner, type DrillPlanOptions, LONE_PARTITIONS, PARTITIONS } from './plan.ts';
import { plantBehindTheLog, plantWaiting, REPLY_CASES } from './reply-cases.ts';
import { SOURCE_CASES } from './source-cases.ts';
import { STORED_CASES } from './stored-cases.ts';

/** Of so many clean events one is a command, answered and acknowledged. */
const COMMAND_EVERY = 10;

/** Clean events only: an audit that finds anything here is wrong. */
export function cleanPlan(options: DrillPlanOptions): DrillPlan {
  const planner = new DrillPlanner(options);
  const gateway = new Gateway(planner, 'drill-clean');
  const peer = new Peer(planner, gateway, 'peer');
  for (let count = 0; count < options.records; count += 1) {
    planner.store(planner.append(gateway.frame(), { partition: below(planner.random, PARTITIONS) }));
    if (count % COMMAND_EVERY === 0) peer.acknowledge(peer.askAnswered());
  }
  gateway.close();
  const ends = Array.from({ length: PARTITIONS }, (_, partition) => planner.end(partition));
  for (const [partition, end] of ends.entries()) planner.replies.committed.set(partition, end);
  return planner.plan(ends);
}

/** All faults, in an order and at places drawn from the seed. */
export function faultyPlan(options: DrillPlanOptions): DrillPlan {
  const planner = new DrillPlanner(options);
  plantBehindTheLog(planner);
  const gateway = new Gateway(planner, 'drill-faulty');
  const cases = [...SOURCE_CASES, ...GATEWAY_CASES, ...STORED_CASES, ...REPLY_CASES, ...DELIVERY_CASES];
  const stretch = Math.max(1, Math.floor(options.records / cases.length));
  const filler = (partition?: number): void => {
    for (let count = below(planner.random, 2 * stretch) + 1; count > 0; count -= 1)
      planner.store(planner.append(gateway.frame(), partition === undefined ? {} : { partition }));
  };
  let alone = LONE_PARTITIONS;
  while (cases.length > 0) {
    const [one] = cases.splice(below(planner.random, cases.length), 1);
    if (one === undefined) break;
    const { name, stage, fault, isAlone = false } = one;
    const partition = isAlone ? alone : planner.anyPartition();
    if (isAlone) alone += 1;
    filler(isAlone ? partition : undefined);
    planner.cases.push({ name, stage, fault, expected: [...one.plant(planner, gateway, partition)] });
    if (isAlone) filler(partition);
  }
  filler();
  plantEpochs(planner);
  plantWaiting(planner, gateway);
  const covered = Array.from({ length: PARTITIONS }, (_, partition) => planner.end(partition));
  const inFlight = planner.append(gateway.frame());
  gateway.close();
  planner.openRows.push(inFlight);
  const beyond = { partition: inFlight.partition, offset: planner.end(inFlight.partition) + 5 };
  planner.storeExtra(inFlight, beyond);
  planner.cases.push(
    { name: 'a record is in flight', stage: 'log-to-stored', fault: 'none', expected: [] },
    { name: 'a transaction is open during both looks', stage: 'log-to-stored', fault: 'none', expected: [] },
    {
      name: 'a row lies beyond the end of the log',
      stage: 'log-to-stored',
      fault: 'duplicate',
      expected: [at('extra', beyond)],
    },
  );
  return planner.plan(covered);
}
