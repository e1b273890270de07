// Faults between log and rows; what must not be found is planted as well (`none`): a legal duplicate, a poison record, a row
// that comes late. Pure.
import { at, type FaultCase } from './fault-case.ts';

const LOST_RANGE = 10;

export const STORED_CASES: readonly FaultCase[] = [
  {
    name: 'a row was deleted',
    stage: 'log-to-stored',
    fault: 'loss',
    plant: (planner, gateway) => {
      const row = planner.append(gateway.frame());
      planner.accounts.missing += 1;
      return [at('missing', row)];
    },
  },
  {
    name: 'a range of offsets was never stored',
    stage: 'log-to-stored',
    fault: 'loss',
    plant: (planner, gateway) => {
      const partition = planner.anyPartition();
      const rows = Array.from({ length: LOST_RANGE }, () => planner.append(gateway.frame(), { partition }));
      planner.accounts.missing += LOST_RANGE;
      return rows.map((row) => at('missing', row));
    },
  },
  {
    name: 'an event is called a duplicate of another one',
    stage: 'log-to-stored',
    fault: 'loss',
    plant: (planner, gateway) => {
      const first = planner.append(gateway.frame());
      const row = planner.append(gateway.frame());
      planner.store(first);
      planner.duplicates.push({ ...row, first });
      planner.accounts.missing += 1;
      return [at('missing', row)];
    },
  },
  {
    name: 'a duplicate points at a row that is gone',
    stage: 'log-to-stored',
    fault: 'loss',
    plant: (planner, gateway) => {
      const event = gateway.frame();
      const first = planner.append(event);
      const again = planner.append({ ...event, ingestSeq: gateway.frame().ingestSeq });
      planner.duplicates.push({ ...again, first });
      planner.accounts.missing += 2;
      return [at('missing', first), at('missing', again)];
    },
  },
  {
    name: 'an event is called a duplicate of another one, which retention deleted',
    stage: 'log-to-stored',
    fault: 'loss',
    plant: (planner, gateway) => {
      const first = planner.append(gateway.frame());
      const row = planner.append(gateway.frame());
      planner.purged.push(first);
      planner.duplicates.push({ ...row, first, id: first.id });
      planner.accounts.purged += 1;
      planner.accounts.missing += 1;
      return [at('missing', row)];
    },
  },
  {
    name: 'a sound record is quarantined',
    stage: 'log-to-stored',
    fault: 'loss',
    plant: (planner, gateway) => {
      const row = planner.append(gateway.frame());
      planner.quarantined.push(row);
      planner.accounts.missing += 1;
      return [at('missing', row)];
    },
  },
  {
    name: 'a row was altered by one character',
    stage: 'log-to-stored',
    fault: 'alteration',
    isAlone: true,
    plant: (planner, gateway, partition) => {
      const row = planner.append(gateway.frame(), { partition });
      planner.store({ ...row, rawPayload: row.rawPayload.replace('text', 'Text') }, 'altered');
      return [at('altered', row)];
    },
  },
  {
    name: 'a derived column was altered',
    stage: 'log-to-stored',
    fault: 'alteration',
    isAlone: true,
    plant: (planner, gateway, partition) => {
      const row = planner.append(gateway.frame(), { partition });
      planner.store({ ...row, content: `${row.content}.` }, 'altered');
      return [at('altered', row)];
    },
  },
  {
    name: 'two rows changed places',
    stage: 'log-to-stored',
    fault: 'reorder',
    isAlone: true,
    plant: (planner, gateway, partition) => {
      const one = planner.append(gateway.frame(), { partition });
      const other = planner.append(gateway.frame(), { partition });
      planner.store({ ...other, partition: one.partition, offset: one.offset }, 'altered');
      planner.store({ ...one, partition: other.partition, offset: other.offset }, 'altered');
      return [at('altered', one), at('altered', other)];
    },
  },
  {
    name: 'a row stands where a transaction was aborted',
    stage: 'log-to-stored',
    fault: 'duplicate',
    plant: (planner, gateway) => {
      const sound = planner.append(gateway.frame());
      planner.store(sound);
      const { gatewayEpoch, ingestSeq } = sound.event;
      const aborted = [planner.event({ gatewayEpoch, ingestSeq }), planner.event({ gatewayEpoch, ingestSeq })];
      const place = planner.appendAborted(aborted);
      planner.storeExtra(sound, place);
      planner.accounts.aborted += aborted.length;
      planner.accounts.control += 1;
      return [at('extra', place)];
    },
  },
  {
    name: 'an event that came twice is stored once',
    stage: 'log-to-stored',
    fault: 'duplicate',
    plant: (planner, gateway) => {
      const event = gateway.frame();
      const first = planner.append(event);
      const again = planner.append({ ...event, ingestSeq: gateway.frame().ingestSeq });
      planner.store(first);
      planner.duplicates.push({ ...again, first });
      planner.accounts.duplicateOf += 1;
      return [at('duplicate', again)];
    },
  },
  {
    name: 'a record that nobody can read is quarantined',
    stage: 'log-to-stored',
    fault: 'none',
    plant: (planner) => {
      planner.quarantined.push(planner.appendBytes(Buffer.from('no envelope')));
      planner.accounts.quarantined += 1;
      return [];
    },
  },
  {
    name: 'retention deleted a row',
    stage: 'log-to-stored',
    fault: 'none',
    plant: (planner, gateway) => {
      planner.purged.push(planner.append(gateway.frame()));
      planner.accounts.purged += 1;
      return [];
    },
  },
  {
    name: 'retention deleted the row of an event that came twice',
    stage: 'log-to-stored',
    fault: 'none',
    plant: (planner, gateway) => {
      const event = gateway.frame();
      const first = planner.append(event);
      const again = planner.append({ ...event, ingestSeq: gateway.frame().ingestSeq });
      planner.purged.push(first);
      planner.duplicates.push({ ...again, first });
      planner.accounts.purged += 2;
      return [];
    },
  },
  {
    name: 'a row comes between the two looks',
    stage: 'log-to-stored',
    fault: 'none',
    plant: (planner, gateway) => {
      planner.lateRows.push(planner.append(gateway.frame()));
      planner.accounts.stored += 1;
      return [];
    },
  },
];
