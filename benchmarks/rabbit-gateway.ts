// The same task as ours on RabbitMQ, in a process of its own: `rabbit-gateway.ts URL`. Users' frames come in by WebSocket,
// are parsed and published as they are, persistent, to quorum queues, and acknowledged when confirmed. It does no more than the load needs: no
// tokens, no account of numbers or duplicates, no envelope, no spool; what ours does beyond that is in our figure. Tells its parent
// where it listens, and at its parent's word whether both queues hold all that was published.
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { openExchange } from './rabbit-exchange.ts';

const REMOVE_MAX_MS = 10_000;
const [url = ''] = process.argv.slice(2);
const opening = openExchange(url, 'quorum');
process.once('disconnect', () => {
  setTimeout(() => process.exit(1), REMOVE_MAX_MS).unref();
  void opening.then(({ remove }) => remove()).finally(() => process.exit());
});
const exchange = await opening;
const { channel, name } = exchange;
let published = 0;

process.once('message', () => {
  void exchange.assertHolds(published).then(
    () => process.send?.({}),
    (error: unknown) => process.send?.({ failure: String(error) }),
  );
});

const server = new WebSocketServer({
  ...{ host: '127.0.0.1', port: 0 },
  maxPayload: 1_048_576,
  perMessageDeflate: false,
  handleProtocols: ([first]) => first ?? false,
});
server.on('connection', serve);
server.on('listening', () => process.send?.({ port: (server.address() as AddressInfo).port }));

function serve(socket: WebSocket): void {
  let epoch = '';
  let upto = 0;
  let isDue = false;
  const acknowledge = (): void => {
    isDue = false;
    socket.send(JSON.stringify({ op: 'ack', epoch, upto }));
  };
  socket.on('message', (data: Buffer) => {
    const frame = JSON.parse(data.toString()) as { op?: string; epoch: string; seq: number };
    if (frame.op === 'hello') {
      ({ epoch } = frame);
      return socket.send(JSON.stringify({ op: 'welcome', v: 1 }));
    }
    channel.publish(name, '', data, { persistent: true }, (error: Error | null) => {
      if (error !== null) return socket.close(1011);
      // Confirmed in order on one channel. One acknowledgement for all that one turn of the event loop brings.
      upto = Math.max(upto, frame.seq);
      published += 1;
      if (!isDue) setImmediate(acknowledge);
      isDue = true;
    });
  });
}
