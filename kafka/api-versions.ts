// Whether a broker and a client have a version of every request in common; pure. A client that speaks none of a broker's
// versions is not told so: the broker drops the connection. So this is compared once, before anything starts.
export type ClientName = 'kafkajs' | 'platformatic';
export type ClientRole = 'append' | 'read' | 'operate';

export interface ClientUse {
  readonly client: ClientName;
  readonly role: ClientRole;
}

/** Lowest and highest version, both included. */
export type VersionRange = readonly [min: number, max: number];

/** Requests by role; a login is a part of every role. */
const NEEDED = {
  append: ['ApiVersions', 'Metadata', 'Produce', 'InitProducerId', 'SaslHandshake', 'SaslAuthenticate'],
  read: [
    'ApiVersions',
    'Metadata',
    'Fetch',
    'ListOffsets',
    'FindCoordinator',
    'JoinGroup',
    'SyncGroup',
    'Heartbeat',
    'LeaveGroup',
    'OffsetCommit',
    'OffsetFetch',
    'SaslHandshake',
    'SaslAuthenticate',
  ],
  operate: [
    'ApiVersions',
    'Metadata',
    'Fetch',
    'ListOffsets',
    'OffsetFetch',
    'OffsetCommit',
    'DescribeGroups',
    'DescribeConfigs',
    'CreateTopics',
    'SaslHandshake',
    'SaslAuthenticate',
  ],
} as const satisfies Record<ClientRole, readonly string[]>;

type ApiName = (typeof NEEDED)[ClientRole][number];

/**
 * What is spoken by the versions in package.json. The lower ends are ours where we need more than the library: records with
 * headers and an idempotent producer (Produce 3, Fetch 4), no topic created by asking (Metadata 4), topic ids (Metadata 10). Records
 * are written and read here for the second library, from the versions on that batch-producer.ts and batch-consumer.ts understand.
 */
export const SPOKEN: Readonly<Record<ClientName, Readonly<Partial<Record<ApiName, VersionRange>>>>> = {
  kafkajs: {
    ApiVersions: [0, 2],
    Metadata: [4, 6],
    Produce: [3, 7],
    InitProducerId: [0, 1],
    Fetch: [4, 11],
    ListOffsets: [1, 3],
    FindCoordinator: [0, 2],
    JoinGroup: [0, 5],
    SyncGroup: [0, 3],
    Heartbeat: [0, 3],
    LeaveGroup: [0, 3],
    OffsetCommit: [2, 5],
    OffsetFetch: [1, 4],
    SaslHandshake: [1, 1],
    SaslAuthenticate: [0, 1],
  },
  platformatic: {
    ApiVersions: [1, 4],
    Metadata: [10, 12],
    Produce: [9, 11],
    InitProducerId: [0, 5],
    Fetch: [13, 17],
    ListOffsets: [2, 9],
    FindCoordinator: [0, 6],
    JoinGroup: [0, 9],
    SyncGroup: [0, 5],
    Heartbeat: [0, 4],
    LeaveGroup: [0, 5],
    OffsetCommit: [2, 9],
    OffsetFetch: [1, 9],
    DescribeGroups: [0, 5],
    DescribeConfigs: [1, 4],
    CreateTopics: [2, 7],
    SaslHandshake: [1, 1],
    SaslAuthenticate: [0, 2],
  },
};

/** One phrase for each request that the broker and a client cannot exchange; empty when all is well. */
export function incompatibilities(
  offered: ReadonlyMap<string, VersionRange>,
  uses: readonly ClientUse[],
): readonly string[] {
  const problems = uses.flatMap(({ client, role }) =>
    NEEDED[role].flatMap((api) => {
      const spoken = SPOKEN[client][api];
      if (spoken === undefined) return [];
      const found = offered.get(api);
      if (found === undefined) return [`${api} is not offered, ${client} speaks ${range(spoken)}`];
      const hasCommon = Math.max(found[0], spoken[0]) <= Math.min(found[1], spoken[1]);
      return hasCommon ? [] : [`${api} is offered as ${range(found)}, ${client} speaks ${range(spoken)}`];
    }),
  );
  return [...new Set(problems)];
}

function range([min, max]: VersionRange): string {
  return min === max ? `version ${min}` : `versions ${min} to ${max}`;
}
