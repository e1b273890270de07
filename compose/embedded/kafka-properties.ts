// The configuration of the embedded broker: one node that is broker and controller, on loopback, for a small machine.
// Topics are only created by plan, and what would need a second broker is set to one.
export interface KafkaPlace {
  readonly logFolder: string;
  readonly port: number;
  readonly controllerPort: number;
  /** Where clients are told to dial; by default the port itself. */
  readonly advertisedPort?: number | undefined;
}

export function kafkaProperties({ logFolder, port, controllerPort, advertisedPort = port }: KafkaPlace): string {
  const properties: Readonly<Record<string, string | number | boolean>> = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${advertisedPort}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': logFolder.replaceAll('\\', '\\\\'),
    'auto.create.topics.enable': false,
    'num.partitions': 6,
    'default.replication.factor': 1,
    'min.insync.replicas': 1,
    'unclean.leader.election.enable': false,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 5,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 5,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'share.coordinator.state.topic.num.partitions': 5,
    // A group that forms waits for nobody: here all members start at about the same time anyway.
    'group.initial.rebalance.delay.ms': 0,
    // A broker that was killed may come back only when its old session has ended: 9 s by default, too long to wait here.
    'broker.session.timeout.ms': 4_000,
    'broker.heartbeat.interval.ms': 1_000,
    'num.network.threads': 2,
    // The system's own sizes. With the default of 100 KiB the window of a connection closes again and again, and its sender waits for probes.
    'socket.receive.buffer.bytes': -1,
    'socket.send.buffer.bytes': -1,
    'num.io.threads': 4,
  };
  return `${Object.entries(properties)
    .map(([name, value]) => `${name}=${value}`)
    .join('\n')}\n`;
}
