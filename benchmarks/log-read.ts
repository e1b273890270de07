// How fast our port reads in a consumer group, with a handler that only counts, beside Kafka's own ConsumerPerformance on the same
// topic. Every run is a new group that begins at the start of the log; the first round does not count.
import type { Environment } from '../service/config.ts';
import type { Figure } from './figures.ts';
import { createTopic, logFigures, type Round, runClient } from './log-topic.ts';
import { readRateOf } from './peer-output.ts';
import { type ScratchKafka, startScratchKafka } from './scratch-kafka.ts';

const RECORDS = 1_000_000;
const TOPIC = 'read';

export async function logRead(environment: Environment, runs: number): Promise<readonly Figure[]> {
  const kafka = await startScratchKafka(environment);
  try {
    await createTopic(kafka, TOPIC);
    // By our own appender: batches as this system has them on its log.
    await runClient('append', 'kafkajs', kafka, TOPIC, RECORDS);
    const rounds: Round[] = [];
    for (let round = 0; round <= runs; round += 1) {
      const measured = await readRound(kafka);
      if (round > 0) rounds.push(measured);
    }
    return logFigures('read', 'ConsumerPerformance', rounds);
  } finally {
    await kafka.stop();
  }
}

async function readRound(kafka: ScratchKafka): Promise<Round> {
  const output = await kafka.runTool('ConsumerPerformance', ['--topic', TOPIC, '--num-records', String(RECORDS)]);
  return {
    peer: readRateOf(output, RECORDS),
    clients: {
      kafkajs: await runClient('read', 'kafkajs', kafka, TOPIC, RECORDS),
      platformatic: await runClient('read', 'platformatic', kafka, TOPIC, RECORDS),
    },
  };
}
