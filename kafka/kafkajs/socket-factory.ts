// kafkajs does not notice a broker that vanished without a FIN: its request times out, the dead socket is used again. This
// factory destroys a socket that has been silent for too long, which makes kafkajs connect anew.
import net from 'node:net';
import tls from 'node:tls';
import type { ISocketFactoryArgs } from 'kafkajs';

/** Above every wait that is legally silent: a fetch (1 s), a request (10 s), a group join (the rebalance timeout, 30 s). */
const SILENCE_MAX_MS = 45_000;

export function destroyingSocketFactory({ host, port, ssl, onConnect }: ISocketFactoryArgs): net.Socket {
  const socket = ssl
    ? tls.connect({ ...ssl, host, port, ...(net.isIP(host) === 0 && { servername: host }) }, onConnect)
    : net.connect({ host, port }, onConnect);
  socket.setKeepAlive(true, 10_000).setNoDelay(true);
  // Destroying, not only ending: the old socket's late events would otherwise reach the connection that replaced it.
  socket.setTimeout(SILENCE_MAX_MS, () =>
    socket.destroy(new Error(`no byte from ${host}:${port} for ${SILENCE_MAX_MS} ms`)),
  );
  return socket;
}
