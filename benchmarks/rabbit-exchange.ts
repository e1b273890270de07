// Where both peers on RabbitMQ publish: a durable fanout exchange with two bound queues of one kind, as one message has two consumers
// here, and a channel with publisher confirms. Exchange and queues have a name of their own and are deleted.
import { type ConfirmChannel, connect } from 'amqplib';

export type QueueKind = 'quorum' | 'classic';

export interface RabbitExchange {
  readonly name: string;
  readonly channel: ConfirmChannel;
  /** Throws unless each queue holds so many messages. */
  readonly assertHolds: (messages: number) => Promise<void>;
  readonly remove: () => Promise<void>;
}

export async function openExchange(url: string, kind: QueueKind): Promise<RabbitExchange> {
  const connection = await connect(url);
  const channel = await connection.createConfirmChannel();
  const name = `pmc-bench-${process.pid}-${Date.now().toString(36)}`;
  const queues = [`${name}-store`, `${name}-reply`];
  const remove = async (): Promise<void> => {
    for (const queue of queues) await channel.deleteQueue(queue);
    await channel.deleteExchange(name);
    await connection.close();
  };
  try {
    await channel.assertExchange(name, 'fanout', { durable: true });
    for (const queue of queues) {
      await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': kind } });
      await channel.bindQueue(queue, name, '');
    }
  } catch (error) {
    await remove().catch(() => undefined);
    throw error;
  }
  return {
    name,
    channel,
    assertHolds: async (messages) => {
      for (const queue of queues) {
        const { messageCount } = await channel.checkQueue(queue);
        if (messageCount !== messages) throw new Error(`${queue} holds ${messageCount} of ${messages} messages`);
      }
    },
    remove,
  };
}
