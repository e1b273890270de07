// The users' port. Users speak the resumable protocol `pmc.v1` only, and this version does not speak it yet: whoever
// connects is told so by a close code and loses nothing, because nothing was accepted.
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';
import { type Address, portError } from '../../service/health-server.ts';
import { FRAME_BYTES_MAX } from './config.ts';

const CLOSE_UNSUPPORTED_VERSION = 4504;
const UPGRADE_REQUIRED = 426;

export interface Gateway {
  stop(): Promise<void>;
}

export async function startGateway(address: Address): Promise<Gateway> {
  const http = createServer((_request, response) => {
    response.writeHead(UPGRADE_REQUIRED, { 'content-type': 'text/plain' }).end('This is a WebSocket address.\n');
  });
  const server = new WebSocketServer({ server: http, maxPayload: FRAME_BYTES_MAX });
  server.on('connection', (socket) => {
    socket.on('error', () => socket.terminate());
    socket.close(CLOSE_UNSUPPORTED_VERSION, 'no common protocol version');
  });
  await new Promise<void>((resolve, reject) => {
    http.once('error', (error) => reject(portError(error, address, 'PMC_GATEWAY_PORT')));
    http.listen(address.port, address.host, resolve);
  });
  return {
    stop: async () => {
      for (const client of server.clients) client.terminate();
      server.close();
      await new Promise<void>((resolve) => http.close(() => resolve()));
    },
  };
}
