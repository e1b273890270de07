// How fast our port appends, as the communicator uses it, beside Kafka's own ProducerPerformance on the same broker. Every run
// fills a new topic; the first round warms the broker up and does not count.
import type { Environment } from '../service/config.ts';
import type { Figure } from './figures.ts';
import { CLIENTS, createTopic, deleteTopic, logFigures, type Round, runClient, VALUE_BYTES } from './log-topic.ts';
import { appendRateOf } from './peer-output.ts';
import { type ScratchKafka, startScratchKafka } from './scratch-kafka.ts';

const RECORDS_PER_RUN = 500_000;

export async function logAppend(environment: Environment, runs: number): Promise<readonly Figure[]> {
  const kafka = await startScratchKafka(environment);
  try {
    const rounds: Round[] = [];
    for (let round = 0; round <= runs; round += 1) {
      const measured = await appendRound(kafka, round);
      if (round > 0) rounds.push(measured);
    }
    return logFigures('append', 'ProducerPerformance', rounds);
  } finally {
    await kafka.stop();
  }
}

async function appendRound(kafka: ScratchKafka, round: number): Promise<Round> {
  const peer = await onNewTopic(kafka, `append-${round}-peer`, async (topic) => {
    const load = ['--num-records', String(RECORDS_PER_RUN), '--record-size', String(VALUE_BYTES), '--throughput', '-1'];
    return appendRateOf(await kafka.runTool('ProducerPerformance', ['--topic', topic, ...load]), RECORDS_PER_RUN);
  });
  const run = async (client: (typeof CLIENTS)[number]) =>
    await onNewTopic(
      kafka,
      `append-${round}-${client}`,
      async (topic) => await runClient('append', client, kafka, topic, RECORDS_PER_RUN),
    );
  return { peer, clients: { kafkajs: await run('kafkajs'), platformatic: await run('platformatic') } };
}

async function onNewTopic<T>(kafka: ScratchKafka, topic: string, measure: (topic: string) => Promise<T>): Promise<T> {
  await createTopic(kafka, topic);
  const measured = await measure(topic);
  await deleteTopic(kafka, topic);
  return measured;
}
