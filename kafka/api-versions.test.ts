import { createRequire } from 'node:module';
import * as platformatic from '@platformatic/kafka';
import { describe, expect, test } from 'vitest';
import { type ClientUse, incompatibilities, SPOKEN, type VersionRange } from './api-versions.ts';

const ALL: readonly ClientUse[] = [
  { client: 'kafkajs', role: 'append' },
  { client: 'kafkajs', role: 'read' },
  { client: 'platformatic', role: 'append' },
  { client: 'platformatic', role: 'read' },
  { client: 'platformatic', role: 'operate' },
];

/** What Apache Kafka 4.3 answers, as far as it is needed here. */
const KAFKA_4: Readonly<Record<string, VersionRange>> = {
  Produce: [0, 13],
  Fetch: [4, 18],
  ListOffsets: [1, 11],
  Metadata: [0, 13],
  OffsetCommit: [2, 10],
  OffsetFetch: [1, 10],
  FindCoordinator: [0, 6],
  JoinGroup: [0, 9],
  Heartbeat: [0, 4],
  LeaveGroup: [0, 5],
  SyncGroup: [0, 5],
  DescribeGroups: [0, 6],
  SaslHandshake: [1, 1],
  ApiVersions: [0, 4],
  CreateTopics: [2, 7],
  InitProducerId: [0, 6],
  DescribeConfigs: [1, 4],
  SaslAuthenticate: [0, 2],
};

function offered(changes: Readonly<Record<string, VersionRange | undefined>> = {}): ReadonlyMap<string, VersionRange> {
  const entries = Object.entries({ ...KAFKA_4, ...changes });
  return new Map(entries.flatMap(([name, range]) => (range === undefined ? [] : [[name, range] as const])));
}

describe('a broker and the clients', () => {
  test('understand each other where every request has a version in common', () => {
    expect(incompatibilities(offered(), ALL)).toEqual([]);
  });

  test('do not where the broker is newer than the client', () => {
    expect(incompatibilities(offered({ Produce: [8, 14] }), ALL)).toEqual([
      'Produce is offered as versions 8 to 14, kafkajs speaks versions 3 to 7',
    ]);
    expect(incompatibilities(offered({ Produce: [8, 14] }), ALL.slice(2))).toEqual([]);
  });

  test('do not where the broker is older than the client', () => {
    const old = offered({ Metadata: [0, 9], InitProducerId: undefined, SaslHandshake: [0, 0] });
    expect(incompatibilities(old, ALL)).toEqual([
      'InitProducerId is not offered, kafkajs speaks versions 0 to 1',
      'SaslHandshake is offered as version 0, kafkajs speaks version 1',
      'Metadata is offered as versions 0 to 9, platformatic speaks versions 10 to 12',
      'InitProducerId is not offered, platformatic speaks versions 0 to 5',
      'SaslHandshake is offered as version 0, platformatic speaks version 1',
    ]);
  });
});

describe('the table is what the installed libraries speak', () => {
  const { requests } = createRequire(import.meta.url)('kafkajs/src/protocol/requests/index.js') as {
    readonly requests: Readonly<Record<string, { readonly versions: readonly (string | number)[] }>>;
  };

  test.for(Object.entries(SPOKEN.kafkajs))('kafkajs: %s', ([api, [min, max]]) => {
    const versions = requests[api === 'FindCoordinator' ? 'GroupCoordinator' : api]?.versions.map(Number) ?? [];
    expect(versions).toContain(min);
    expect(Math.max(...versions)).toBe(max);
  });

  test.for(Object.entries(SPOKEN.platformatic))('platformatic: %s', ([api, [min, max]]) => {
    const prefix = `${api.charAt(0).toLowerCase()}${api.slice(1)}V`;
    const versions = Object.keys(platformatic).flatMap((name) =>
      name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)) ? [Number(name.slice(prefix.length))] : [],
    );
    expect(versions).toContain(min);
    expect(Math.max(...versions)).toBe(max);
  });
});
