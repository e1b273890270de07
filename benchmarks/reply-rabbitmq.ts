// The peer of the reply benchmark: the same trip as it would be built on RabbitMQ, in two processes that share nothing but the broker.
// `bridge` dials the chat source, publishes its frames and sends the replies back; `worker` answers. Queues are durable, messages
// persistent, publishes confirmed before what they came from is acknowledged; noDelay, without which the client waits 40 ms.
import { connect } from 'amqplib';
import WebSocket from 'ws';

const [role = '', url = '', name = '', source = ''] = process.argv.slice(2);
const COMMANDS = `${name}.commands`;
const REPLIES = `${name}.replies`;
const IN_FLIGHT_MAX = 256;

const connection = await connect(url, { noDelay: true });
const channel = await connection.createConfirmChannel();
await channel.prefetch(IN_FLIGHT_MAX);
for (const queue of [COMMANDS, REPLIES]) await channel.assertQueue(queue, { durable: true });
process.once('disconnect', () => void end());

if (role === 'bridge') await bridge();
else await worker();

function publish(queue: string, body: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    channel.sendToQueue(queue, body, { persistent: true }, (error) => (error ? reject(error) : resolve()));
  });
}

async function bridge(): Promise<void> {
  const socket = new WebSocket(source, { perMessageDeflate: false });
  socket.on('message', (data) => void publish(COMMANDS, data as Buffer));
  await channel.consume(REPLIES, (message) => {
    if (message === null) return;
    socket.send(message.content.toString('utf8'), () => channel.ack(message));
  });
}

async function worker(): Promise<void> {
  await channel.consume(COMMANDS, (message) => {
    if (message === null) return;
    const { id, chat } = JSON.parse(message.content.toString('utf8')) as { id: string; chat: string };
    const answer = {
      ...{ event: 'message', id: `reply-${id}`, timestamp: new Date().toISOString(), sender: 'pmc', chat },
      ...{ message_type: 'text', content: 'pong', metadata: { pmc: true, command: 'ping', in_reply_to: id } },
    };
    void publish(REPLIES, Buffer.from(JSON.stringify(answer))).then(() => channel.ack(message));
  });
}

async function end(): Promise<void> {
  for (const queue of [COMMANDS, REPLIES]) await channel.deleteQueue(queue).catch(() => undefined);
  await connection.close().catch(() => undefined);
  process.exit();
}
