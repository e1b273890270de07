import fc from 'fast-check';
import { Histogram, Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { MessageHistogram } from './message-histogram.ts';

const ABOUT = { name: 'pmc_test_seconds', help: 'For a test.', buckets: [0.001, 0.005, 0.25, 1, 60] };

function registriesOf(values: readonly number[]): readonly [Registry, Registry] {
  const [own, library] = [new Registry(), new Registry()];
  for (const registry of [own, library]) registry.setDefaultLabels({ service: 'communicator' });
  const one = new MessageHistogram({ ...ABOUT, registers: [own] });
  const other = new Histogram({ ...ABOUT, registers: [library] });
  for (const value of values) {
    one.observe(value);
    other.observe(value);
  }
  return [own, library];
}

test('says what the histogram of prom-client says, to every reader of the registry', async () => {
  const value = fc.oneof(fc.constantFrom(...ABOUT.buckets, 0), fc.double({ min: 0, max: 100, noNaN: true }));
  await fc.assert(
    fc.asyncProperty(fc.array(value), async (values) => {
      const [own, library] = registriesOf(values);
      expect(await own.metrics()).toBe(await library.metrics());
      expect(await own.getMetricsAsJSON()).toEqual(
        (await library.getMetricsAsJSON()).map((metric) => ({
          ...metric,
          // It leaves out the exemplars that nobody has given.
          ...{ values: (metric as { values?: object[] }).values?.map((one) => ({ ...one, exemplar: undefined })) },
        })),
      );
    }),
  );
});

test('begins anew with its registry', async () => {
  const [own] = registriesOf([0.002, 70]);
  own.resetMetrics();
  const [fresh] = registriesOf([]);
  expect(await own.metrics()).toBe(await fresh.metrics());
});

test('has all its buckets before anything was observed, as one without labels does', async () => {
  const [own, library] = registriesOf([]);
  expect(await own.metrics()).toBe(await library.metrics());
  expect(await own.metrics()).toContain('pmc_test_seconds_bucket{le="+Inf",service="communicator"} 0');
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, '1' as unknown as number])('refuses %j', (value) => {
  const histogram = new MessageHistogram({ ...ABOUT, registers: [] });
  expect(() => histogram.observe(value)).toThrow(TypeError);
});
