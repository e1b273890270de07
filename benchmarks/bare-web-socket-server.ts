// The peer for memory: the WebSocket library alone, in a process of its own, which answers a hello with a welcome and keeps the
// connection. What a connection costs beyond this is ours. Tells its parent where it listens.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';

process.once('disconnect', () => process.exit());
const http = createServer();
const server = new WebSocketServer({
  server: http,
  maxPayload: 1_048_576,
  handleProtocols: ([first]) => first ?? false,
});
server.on('connection', (socket) => socket.on('message', () => socket.send('{"op":"welcome"}')));
http.listen(0, '127.0.0.1', () => process.send?.({ port: (http.address() as AddressInfo).port }));
