// The peer on RabbitMQ, in a process of its own: `rabbit-publisher.ts URL quorum|classic MESSAGES BYTES`. Persistent messages with
// publisher confirms through a fanout exchange into two bound queues of this kind, as many unconfirmed at a time as the gateway has
// frames in flight. The clock runs from the first message to the last confirm. Exchange and queues are its own and deleted.
import { connect } from 'amqplib';

/** As many as the load keeps unacknowledged at the gateway. */
const UNCONFIRMED_MAX = 3_200;

const [url = '', kind, count, size] = process.argv.slice(2);
const messages = Number(count);
const name = `pmc-bench-${process.pid}-${Date.now().toString(36)}`;
const queues = [`${name}-store`, `${name}-reply`];
process.once('disconnect', () => process.exit());

const connection = await connect(url);
const channel = await connection.createConfirmChannel();
try {
  await channel.assertExchange(name, 'fanout', { durable: true });
  for (const queue of queues) {
    const type = kind === 'quorum' ? 'quorum' : 'classic';
    await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': type } });
    await channel.bindQueue(queue, name, '');
  }
  const recordsPerSecond = await publish(Buffer.alloc(Number(size), 'x'));
  for (const queue of queues) {
    const { messageCount } = await channel.checkQueue(queue);
    if (messageCount !== messages) throw new Error(`${queue} holds ${messageCount} of ${messages} messages`);
  }
  process.send?.({ recordsPerSecond });
} finally {
  for (const queue of queues) await channel.deleteQueue(queue);
  await channel.deleteExchange(name);
  await connection.close();
  process.disconnect?.();
}

async function publish(content: Buffer): Promise<number> {
  let [sent, confirmed] = [0, 0];
  const startedMs = performance.now();
  await new Promise<void>((resolve, reject) => {
    const fill = (): void => {
      while (sent < messages && sent - confirmed < UNCONFIRMED_MAX) {
        sent += 1;
        channel.publish(name, '', content, { persistent: true }, (error: Error | null) => {
          if (error !== null) return reject(error);
          confirmed += 1;
          if (confirmed === messages) resolve();
          else if (sent - confirmed <= UNCONFIRMED_MAX / 2) fill();
        });
      }
    };
    fill();
  });
  return (messages * 1_000) / (performance.now() - startedMs);
}
