// usage: main.ts <client> <broker> <topic> <partitions>. Appends without end and prints every record that it calls acknowledged,
// as the communicator would answer for it. SIGTERM: takes nothing more, settles what it has, and prints how much it took.
import { setImmediate } from 'node:timers/promises';
import { Accumulator } from '../../../../kafka/accumulator.ts';
import { createLogger } from '../../../../service/logger.ts';
import { numbered } from '../append-ledger.ts';
import { idOf } from '../append-verdict.ts';
import { appenderUnderTest, CLIENTS } from '../clients-under-test.ts';

const [, , name = '', broker = '', topic = '', partitions = '1'] = process.argv;
const client = CLIENTS.find((one) => one === name);
if (client === undefined) throw new Error(`no client ${name}`);

const appender = appenderUnderTest(client, [broker]);
const limits = { batchRecordsMax: 100, batchBytesMax: 262_144, bytesMax: 200_000, recordBytesMax: 1_000_000 };
const accumulator = new Accumulator({ appender, logger: createLogger('test', 'silent'), ...limits });
let isStopping = false;
process.once('SIGTERM', () => {
  isStopping = true;
});

let taken = 0;
while (!isStopping) {
  if (accumulator.full) await accumulator.drained();
  const to = { topic, partition: taken % Number(partitions) };
  const record = numbered(to, taken);
  taken += 1;
  void accumulator.append(to, record).then(({ outcome }) => {
    if (outcome === 'acked') process.stdout.write(`acked ${idOf(record.value.toString())}\n`);
  });
  if (taken % 50 === 0) await setImmediate();
}
await accumulator.flush();
await appender.stop();
process.stdout.write(`taken ${taken}\n`);
