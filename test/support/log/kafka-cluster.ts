// One or three real brokers of a test's own, on loopback with all data in a scratch folder. What clients are told to dial is a fault
// proxy in front of each broker; brokers among themselves, and whatever a test asks or checks, go past the proxies. A killed
// test run does not leave them behind.
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Admin, alterPartitionReassignmentsV0, Consumer } from '@platformatic/kafka';
import { completeArtifact, KAFKA_ARTIFACT } from '../../../compose/embedded/artifacts.ts';
import { javaProgram } from '../../../compose/embedded/preflight-probe.ts';
import { type Child, Children } from '../../../compose/processes/children.ts';
import { type Guard, startGuard } from '../../../compose/processes/guard.ts';
import { pause } from '../../../service/backoff.ts';
import { freePorts } from '../free-ports.ts';
import { type BrokerLaunch, ClusterNode, type Membership } from './cluster-node.ts';

interface Parts {
  readonly nodes: readonly ClusterNode[];
  readonly children: Children;
  readonly guard: Guard;
  readonly folder: string;
  readonly launch: BrokerLaunch;
}

const REASSIGN_DEADLINE_MS = 20_000;
const CONTROL_REQUEST_MS = 10_000;

export class KafkaCluster {
  readonly nodes: readonly ClusterNode[];
  readonly #parts: Parts;

  /** `artifacts` is the folder of the fetched servers: `inject('artifacts')`. */
  static async start(artifacts: string, size: 1 | 3, settings: Membership['settings'] = {}): Promise<KafkaCluster> {
    const jars = completeArtifact(artifacts, KAFKA_ARTIFACT);
    if (jars === undefined) throw new Error(`${artifacts} has no Kafka`);
    const folder = mkdtempSync(join(tmpdir(), 'pmc-cluster-'));
    const environment = { PATH: process.env['PATH'], HOME: process.env['HOME'] };
    const registerFile = join(folder, 'processes.json');
    const children = new Children({ registerFile, logsFolder: folder });
    const guard = await startGuard({ registerFile, logFile: join(folder, 'warden.log') }, environment);
    const launch = { children, folder, jars, java: javaProgram(process.env['JAVA_HOME']), environment };
    const ports = await freePorts(size * 4);
    const places = Array.from({ length: size }, (_, index) => {
      const [port = 0, directPort = 0, controllerPort = 0, proxyPort = 0] = ports.slice(index * 4);
      return { nodeId: index + 1, port, directPort, controllerPort, proxyPort };
    });
    // Sixteen bytes; the first may not make a dash, which would look like a flag.
    const clusterId = `A${randomBytes(16).toString('base64url').slice(1)}`;
    const nodes = await Promise.all(
      places.map((place) => ClusterNode.format(launch, place, { places, clusterId, settings })),
    );
    const cluster = new KafkaCluster({ nodes, children, guard, folder, launch });
    try {
      await Promise.all(nodes.map((node) => node.start()));
      await cluster.whole();
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  private constructor(parts: Parts) {
    this.nodes = parts.nodes;
    this.#parts = parts;
  }

  /** What a client under test is told: the proxies. */
  get brokers(): readonly string[] {
    return this.nodes.map(({ proxy }) => proxy.address);
  }

  /** Past the proxies, for what a test checks by. */
  get direct(): readonly string[] {
    return this.nodes.map(({ direct }) => direct);
  }

  node(nodeId: number): ClusterNode {
    const found = this.nodes.find((node) => node.nodeId === nodeId);
    if (found === undefined) throw new RangeError(`no node ${nodeId}`);
    return found;
  }

  /** A new topic with a replica on every broker; returns its name. */
  async createTopic(partitions: number, settings: Readonly<Record<string, string>> = {}): Promise<string> {
    const topic = `test-${randomUUID()}`;
    const configs = Object.entries(settings).map(([name, value]) => ({ name, value }));
    await this.ask((admin) =>
      admin.createTopics({ topics: [topic], partitions, replicas: this.nodes.length, configs }),
    );
    await this.#until(async () => (await this.#partitionsOf(topic)).length === partitions, `${topic} is there`);
    return topic;
  }

  async leaderOf(topic: string, partition: number): Promise<number> {
    return (await this.#partitionsOf(topic))[partition]?.leader ?? -1;
  }

  /** The number of the node. */
  async coordinatorOf(groupId: string): Promise<number> {
    const member = new Consumer({ groupId, clientId: 'test', bootstrapBrokers: [...this.direct], retries: 10 });
    try {
      return await member.findGroupCoordinator();
    } finally {
      await member.close(true);
    }
  }

  /** The name of a new group that another broker than this one coordinates. */
  async groupNotWith(nodeId: number): Promise<string> {
    for (;;) {
      const groupId = `test-${randomUUID()}`;
      if ((await this.coordinatorOf(groupId)) !== nodeId) return groupId;
    }
  }

  /**
   * Makes another broker the leader, at once and with no broker stopped: the old leader is taken out of the replicas, and put
   * back at their end. Returns the new leader.
   */
  async moveLeader(topic: string, partition: number): Promise<number> {
    const found = (await this.#partitionsOf(topic))[partition];
    if (found === undefined) throw new RangeError(`no ${topic}-${partition}`);
    const others = found.replicas.filter((one) => one !== found.leader);
    await this.#reassign(topic, partition, others);
    const hasMoved = async (): Promise<boolean> => (await this.leaderOf(topic, partition)) !== found.leader;
    await this.#until(hasMoved, `${topic}-${partition} has left node ${found.leader}`);
    await this.#reassign(topic, partition, [...others, found.leader]);
    const isWhole = async (): Promise<boolean> =>
      (await this.#partitionsOf(topic))[partition]?.isr.length === found.replicas.length;
    await this.#until(isWhole, `${topic}-${partition} has all its replicas in sync`);
    return await this.leaderOf(topic, partition);
  }

  /** Waits until every broker is a member and no partition of a test lacks a replica. */
  async whole(): Promise<void> {
    const isWhole = async (): Promise<boolean> => {
      const names = await this.ask((admin) => admin.listTopics());
      const { brokers, topics } = await this.ask((admin) => admin.metadata({ topics: names, forceUpdate: true }));
      const partitions = [...topics.values()].flatMap((topic) => topic.partitions);
      return (
        brokers.size === this.nodes.length && partitions.every(({ isr, replicas }) => isr.length === replicas.length)
      );
    };
    await this.#until(isWhole, 'the cluster is whole', 90_000);
  }

  /** Every proxy lets everything pass again. */
  heal(): void {
    for (const { proxy } of this.nodes) proxy.heal();
  }

  /** Runs one of Kafka's own programs beside the cluster; what it writes is in its log file. */
  startTool(name: string, mainClass: string, args: readonly string[]): Child {
    const { children, environment, java, jars } = this.#parts.launch;
    const all = ['-Xmx256m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-cp', join(jars, '*'), mainClass, ...args];
    return children.start({ name, stage: 'task', command: java, args: all, environment });
  }

  /** Asks the cluster past the proxies. */
  async ask<T>(question: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = new Admin({
      clientId: 'test-cluster',
      bootstrapBrokers: [...this.direct],
      retries: 3,
      retryDelay: 200,
    });
    try {
      return await question(admin);
    } finally {
      await admin.close();
    }
  }

  async stop(): Promise<void> {
    const { children, guard, folder } = this.#parts;
    // Nobody needs the data any more: the brokers need not wait for each other.
    await children.close({ deadlineMs: 0 });
    await guard.dismiss();
    await Promise.all(this.nodes.map(({ proxy }) => proxy.close()));
    rmSync(folder, { recursive: true, force: true });
  }

  async #partitionsOf(topic: string) {
    const { topics } = await this.ask((admin) => admin.metadata({ topics: [topic], forceUpdate: true }));
    return topics.get(topic)?.partitions ?? [];
  }

  async #reassign(topic: string, partition: number, replicas: number[]): Promise<void> {
    await this.ask(async (admin) => {
      const { controllerId } = await admin.metadata({ topics: [], forceUpdate: true });
      const connection = (await admin.connectToBrokers([controllerId])).get(controllerId);
      if (connection === undefined) throw new Error('nobody to ask for another leader');
      const topics = [{ name: topic, partitions: [{ partitionIndex: partition, replicas }] }];
      await alterPartitionReassignmentsV0.api.async(connection, CONTROL_REQUEST_MS, false, topics);
    });
  }

  async #until(check: () => Promise<boolean>, what: string, deadlineMs = REASSIGN_DEADLINE_MS): Promise<void> {
    const deadline = AbortSignal.timeout(deadlineMs);
    for (;;) {
      const answer = await check().catch((error: unknown) => (deadline.aborted ? Promise.reject(error) : false));
      if (answer) return;
      if (deadline.aborted) throw new Error(`waited ${deadlineMs} ms in vain until ${what}`);
      await pause(100);
    }
  }
}
