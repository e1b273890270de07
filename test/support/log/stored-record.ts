// A line of Kafka's console consumer as a record. Pure. The records of these tests are plain ASCII without tabs and line breaks.
export interface StoredRecord {
  readonly partition: number;
  readonly offset: bigint;
  readonly timestampMs: number;
  readonly headers: string;
  readonly key: string;
  readonly value: string;
}

const LINE = /^CreateTime:(\d+)\tPartition:(\d+)\tOffset:(\d+)\t([^\t]*)\t([^\t]*)\t([^\t]*)$/;

/** Undefined for what is not a record: the program writes warnings too. */
export function parseStored(line: string): StoredRecord | undefined {
  const found = LINE.exec(line);
  if (found === null) return undefined;
  const [, timestampMs, partition, offset, headers = '', key = '', value = ''] = found;
  return {
    timestampMs: Number(timestampMs),
    partition: Number(partition),
    offset: BigInt(offset ?? '0'),
    headers,
    key,
    value,
  };
}
