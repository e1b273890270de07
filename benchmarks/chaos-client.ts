// A process that does nothing but take the simulator's frames: opens connections to a url and counts what comes. A line on
// stdout says that all are open; at the end of stdin it prints {frames, bytes} and ends.
import { once } from 'node:events';
import { WebSocket } from 'ws';

const [url = '', connections = '1'] = process.argv.slice(2);
let frames = 0;
let bytes = 0;
const sockets = Array.from({ length: Number(connections) }, () => {
  const socket = new WebSocket(url, { perMessageDeflate: false, skipUTF8Validation: true });
  socket.on('message', (data: Buffer) => {
    frames += 1;
    bytes += data.length;
  });
  return socket;
});
await Promise.all(sockets.map((socket) => once(socket, 'open')));
process.stdout.write('open\n');
process.stdin.resume();
await once(process.stdin, 'end');
process.stdout.write(`${JSON.stringify({ frames, bytes })}\n`);
for (const socket of sockets) socket.terminate();
