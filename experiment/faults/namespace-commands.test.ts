import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  breakLine,
  healLine,
  isMadeBy,
  lineOf,
  makeLine,
  NAMESPACE_OUTAGES,
  namespaceName,
  removeLine,
} from './namespace-commands.ts';

const MAKER = { pid: 4_711, startTime: 'boot:12' };
const NAME = namespaceName(MAKER, '01KAJX5T7Z0000000000000AAA', 3);
const LINE = lineOf(NAME, 9);
const SETTINGS = { delayMs: 50, bytesPerSecond: 1_000, lossPercent: 5 };
const texts = (commands: readonly (readonly string[])[]) => commands.map((command) => command.join(' '));

test('a name carries the process and the run, and tells whether that process still runs', () => {
  expect(NAME).toMatch(/^pmc-link-4711-[0-9a-f]{8}-00000aaa-3$/);
  const runs = (startTime: string | undefined) => isMadeBy(NAME, (pid) => (pid === 4_711 ? startTime : 'boot:1'));
  expect([runs('boot:12'), runs(undefined), runs('boot:99')]).toEqual([true, false, false]);
  for (const other of ['', 'pmc-link', 'docker0', 'pmc-link-1-x-y-z'])
    expect(isMadeBy(other, () => 'x')).toBeUndefined();
});

test('a line has names that the kernel takes and addresses that nobody else has', () => {
  fc.assert(
    fc.property(fc.nat({ max: 32_767 }), (n) => {
      const { near, far, nearAddress, farAddress } = lineOf(NAME, n);
      expect(Math.max(near.length, far.length)).toBeLessThanOrEqual(15);
      expect(near).not.toBe(far);
      const [a, b, c, d] = nearAddress.split('.').map(Number) as [number, number, number, number];
      expect([a, b === 18 || b === 19, c >= 0 && c <= 255, d % 4]).toEqual([198, true, true, 1]);
      expect(farAddress).toBe(`198.${b}.${c}.${d + 1}`);
    }),
  );
});

test('what is made is removed, the interface by its name, also when nothing but the name is known', () => {
  expect(texts(makeLine(LINE))[1]).toBe(`ip link add ${LINE.near} type veth peer name ${LINE.far} netns ${NAME}`);
  expect(texts(removeLine(NAME))).toEqual([`ip link del ${LINE.near}`, `ip netns del ${NAME}`]);
});

describe('every outage is begun and taken back at the same places:', () => {
  test.for(NAMESPACE_OUTAGES)('%s', (outage) => {
    const begun = texts(breakLine(outage, LINE, SETTINGS));
    const healed = texts(healLine(outage, LINE));
    expect(begun.length).toBeGreaterThan(0);
    if (outage !== 'reset') expect(healed).toHaveLength(begun.length);
    for (const command of [...begun, ...healed]) expect(command).toMatch(new RegExp(`${NAME}|${LINE.near}`));
  });

  test('with the measures that were asked for, in both directions', () => {
    const how = (outage: (typeof NAMESPACE_OUTAGES)[number]) => texts(breakLine(outage, LINE, SETTINGS));
    expect(how('delay')).toEqual([
      `tc qdisc replace dev ${LINE.near} root netem delay 50ms`,
      `tc -n ${NAME} qdisc replace dev ${LINE.far} root netem delay 50ms`,
    ]);
    expect(how('loss')[1]).toContain('netem loss 5%');
    expect(how('throttle')[0]).toContain('tbf rate 8000bit');
  });
});
