import { expect, test } from 'vitest';
import { javaMajor, type MachineFacts, mavenVersion, problemsOf } from './preflight.ts';

const GIB = 1024 ** 3;
const good: MachineFacts = {
  platform: 'linux',
  javaText: 'openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime Environment',
  mavenText: 'Apache Maven 3.8.7\nMaven home: /usr/share/maven',
  ports: [{ host: '127.0.0.1', port: 19_092, owner: 'Kafka', variable: 'PMC_KAFKA_PORT', refusal: undefined }],
  diskFreeBytes: 10 * GIB,
  memoryAvailableBytes: 8 * GIB,
};
const needs = { home: '/x/.pmc', java: true, maven: true, servers: true };

test('versions are read as the programs write them', () => {
  expect(javaMajor('java version "1.8.0_392"')).toBe(8);
  expect(javaMajor('openjdk version "21" 2023-09-19')).toBe(21);
  expect(javaMajor('openjdk version "11.0.2" 2019-01-15')).toBe(11);
  expect(javaMajor('command not found')).toBeUndefined();
  expect(mavenVersion('\u001b[1mApache Maven 3.9.6 (bc0240f)\u001b[m')).toEqual([3, 9]);
  expect(mavenVersion('nothing')).toBeUndefined();
});

test('a machine that has all has no problem', () => {
  expect(problemsOf(good, needs)).toEqual([]);
});

test('each problem is one line that names what to install or which variable to set', () => {
  const bad: MachineFacts = {
    platform: 'linux',
    javaText: 'openjdk version "11.0.2"',
    mavenText: undefined,
    ports: [
      { host: '127.0.0.1', port: 19_092, owner: 'Kafka', variable: 'PMC_KAFKA_PORT', refusal: 'EADDRINUSE' },
      {
        host: '0.0.0.0',
        hostVariable: 'PMC_HOST',
        port: 9_410,
        owner: 'health page of communicator',
        variable: 'PMC_PORT_OFFSET',
        refusal: 'EADDRINUSE',
      },
    ],
    diskFreeBytes: GIB,
    memoryAvailableBytes: GIB / 2,
  };
  const problems = problemsOf(bad, needs);
  expect(problems).toHaveLength(6);
  for (const line of problems) expect(line).not.toContain('\n');
  expect(problems[0]).toMatch(/Java 11 is too old; install a JDK 17 .* JAVA_HOME .*PMC_KAFKA_BROKERS/);
  expect(problems[1]).toMatch(/Maven is missing .*install Maven 3\.8/);
  expect(problems[2]).toMatch(/port 19092 \(Kafka\) is taken .*PMC_KAFKA_PORT or PMC_PORT_OFFSET/);
  expect(problems[3]).toMatch(/port 9410 .* set PMC_PORT_OFFSET to move it/);
  expect(problems[4]).toMatch(/1\.0 GiB free .*PMC_HOME/);
  expect(problems[5]).toMatch(/0\.5 GiB of memory/);
});

test.for([
  ['EACCES', [/^port 80 \(console\) may not be opened by this user \(EACCES\); set PMC_CONSOLE_PORT/, /^port 443 /]],
  [
    'EADDRNOTAVAIL',
    [/^nobody can listen on chat\.local \(EADDRNOTAVAIL\); set PMC_HOST to an address of this machine$/],
  ],
  ['ENOTFOUND', [/^nobody can listen on chat\.local \(ENOTFOUND\); set PMC_HOST /]],
] as const)('%s is a problem that names the variable to set', ([refusal, lines]) => {
  const place = { host: 'chat.local', hostVariable: 'PMC_HOST', refusal };
  const ports = [
    { ...place, port: 80, owner: 'console', variable: 'PMC_CONSOLE_PORT' },
    { ...place, port: 443, owner: 'communicator', variable: 'PMC_GATEWAY_PORT' },
  ];
  expect(problemsOf({ ...good, ports }, needs)).toEqual(lines.map((line) => expect.stringMatching(line)));
  const fixed = { host: '127.0.0.1', port: 9_409, owner: 'supervisor', variable: 'PMC_CONTROL_PORT', refusal };
  expect(problemsOf({ ...good, ports: [fixed] }, needs)).toEqual([
    expect.stringMatching(/^port 9409 \(supervisor\) .*set PMC_CONTROL_PORT or PMC_PORT_OFFSET to move it/),
  ]);
});

test('what is not needed is not asked for', () => {
  const bare: MachineFacts = {
    ...good,
    javaText: undefined,
    mavenText: undefined,
    diskFreeBytes: 0,
    memoryAvailableBytes: 0,
  };
  expect(problemsOf(bare, { ...needs, java: false, maven: false, servers: false })).toEqual([]);
  expect(
    problemsOf({ ...bare, diskFreeBytes: 9 * GIB, memoryAvailableBytes: undefined }, { ...needs, maven: false }),
  ).toHaveLength(1);
});
