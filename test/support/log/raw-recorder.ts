// What is on the log, read by Kafka's own console consumer and by no client under test. It reads every topic of a test's cluster
// from the beginning, past the proxies. Only how far it has to read is asked by another client: a wrong answer there would fail a
// test by time, never pass one.
import { closeSync, openSync, readSync } from 'node:fs';
import type { Child } from '../../../compose/processes/children.ts';
import { sizeOf } from '../../../compose/processes/log-file.ts';
import { platformaticAdmin } from '../../../kafka/platformatic/admin.ts';
import { pause } from '../../../service/backoff.ts';
import type { KafkaCluster } from './kafka-cluster.ts';
import { parseStored, type StoredRecord } from './stored-record.ts';

const DEADLINE_MS = 60_000;
const PRINTED = ['timestamp', 'partition', 'offset', 'headers', 'key', 'value'].flatMap((what) => [
  '--formatter-property',
  `print.${what}=true`,
]);
const QUICKLY = ['metadata.max.age.ms=300', 'fetch.max.wait.ms=100'].flatMap((one) => ['--command-property', one]);

export class RawRecorder {
  readonly #cluster: KafkaCluster;
  readonly #consumer: Child;
  readonly #records: StoredRecord[] = [];
  #readBytes: number;
  #rest = '';

  static start(cluster: KafkaCluster, name = 'recorder'): RawRecorder {
    const args = ['--bootstrap-server', cluster.direct.join(','), '--include', 'test-.*', '--from-beginning'];
    const mainClass = 'org.apache.kafka.tools.consumer.ConsoleConsumer';
    return new RawRecorder(cluster, cluster.startTool(name, mainClass, [...args, ...PRINTED, ...QUICKLY]));
  }

  private constructor(cluster: KafkaCluster, consumer: Child) {
    this.#cluster = cluster;
    this.#consumer = consumer;
    this.#readBytes = consumer.logFromByte;
  }

  /** Everything on the topic, up to the ends it has at the call. A record's value begins with the topic and a slash. */
  async stored(topic: string): Promise<readonly StoredRecord[]> {
    const admin = platformaticAdmin({ brokers: this.#cluster.direct, clientId: 'test-recorder' });
    const ends = await admin.ends(topic);
    await admin.stop();
    const deadline = AbortSignal.timeout(DEADLINE_MS);
    for (;;) {
      this.#read();
      const found = this.#records.filter(({ value }) => value.startsWith(`${topic}/`));
      const missing = [...ends].filter(([partition, { logStart, highWatermark }]) => {
        const count = found.filter((one) => one.partition === partition && one.offset < highWatermark).length;
        return BigInt(count) < highWatermark - logStart;
      });
      if (missing.length === 0) return found;
      if (deadline.aborted || this.#consumer.process.exitCode !== null) {
        throw new Error(
          `the recorder lacks records of partitions ${missing.map(([partition]) => partition).join(', ')}`,
        );
      }
      await pause(100);
    }
  }

  #read(): void {
    // A log file that has grown too large is begun anew, and with it what was not read yet would be gone.
    if (sizeOf(this.#consumer.logFile) < this.#readBytes) throw new Error('there was more than a recorder can hold');
    const file = openSync(this.#consumer.logFile, 'r');
    try {
      const chunk = Buffer.alloc(1_048_576);
      for (;;) {
        const length = readSync(file, chunk, 0, chunk.length, this.#readBytes);
        if (length === 0) return;
        this.#readBytes += length;
        const lines = (this.#rest + chunk.toString('latin1', 0, length)).split('\n');
        this.#rest = lines.pop() ?? '';
        for (const line of lines) {
          const record = parseStored(line);
          if (record !== undefined) this.#records.push(record);
        }
      }
    } finally {
      closeSync(file);
    }
  }
}
