// The peer on RabbitMQ, in a process of its own: `rabbit-publisher.ts URL quorum|classic MESSAGES BYTES`. Persistent messages with
// publisher confirms, as many unconfirmed at a time as the gateway has frames in flight. The clock runs from the first message to the
// last confirm.
import type { ConfirmChannel } from 'amqplib';
import { openExchange } from './rabbit-exchange.ts';

/** As many as the load keeps unacknowledged at the gateway. */
const UNCONFIRMED_MAX = 3_200;

const [url = '', kind, count, size] = process.argv.slice(2);
const messages = Number(count);
process.once('disconnect', () => process.exit());

const exchange = await openExchange(url, kind === 'quorum' ? 'quorum' : 'classic');
try {
  const recordsPerSecond = await publish(exchange.channel, Buffer.alloc(Number(size), 'x'));
  await exchange.assertHolds(messages);
  process.send?.({ recordsPerSecond });
} finally {
  await exchange.remove();
  process.disconnect?.();
}

async function publish(channel: ConfirmChannel, content: Buffer): Promise<number> {
  let [sent, confirmed] = [0, 0];
  const startedMs = performance.now();
  await new Promise<void>((resolve, reject) => {
    const fill = (): void => {
      while (sent < messages && sent - confirmed < UNCONFIRMED_MAX) {
        sent += 1;
        channel.publish(exchange.name, '', content, { persistent: true }, (error: Error | null) => {
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
