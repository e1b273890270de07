// What Kafka's own performance tools print, read as rates. Their own clocks are taken, so that starting a JVM does not count.
// Pure.

/** Records a second from ProducerPerformance: the summary is its only line with percentiles; the others are about five seconds. */
export function appendRateOf(output: string, records: number): number {
  const summary = /^(\d+) records sent, ([\d.]+) records\/sec .*\b99\.9th\.$/m.exec(output);
  return checkedRate('ProducerPerformance', output, records, summary?.[1], summary?.[2]);
}

/** Records a second from ConsumerPerformance while it fetched: its fetch rate, which leaves out the time to join the group. */
export function readRateOf(output: string, records: number): number {
  const lines = output.split('\n').map((line) => line.split(',').map((cell) => cell.trim()));
  const header = lines.findIndex(([first]) => first === 'start.time');
  const column = (name: string): string | undefined => lines[header + 1]?.[lines[header]?.indexOf(name) ?? -1];
  return checkedRate('ConsumerPerformance', output, records, column('data.consumed.in.nMsg'), column('fetch.nMsg.sec'));
}

function checkedRate(tool: string, output: string, records: number, done?: string, rate?: string): number {
  if (Number(done) >= records && Number(rate) > 0) return Number(rate);
  throw new Error(`${tool} does not say at what rate it did ${records} records:\n${output}`);
}
