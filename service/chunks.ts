// Cuts rows into transactions and statements of bounded rows and bytes, in order. Pure.

export interface ChunkLimits {
  readonly rowsMax: number;
  readonly bytesMax: number;
}

/** Every chunk keeps both limits, except that a single item larger than `bytesMax` is a chunk of its own. */
export function chunksOf<T>(
  items: readonly T[],
  sizeBytes: (item: T) => number,
  limits: ChunkLimits,
): readonly (readonly T[])[] {
  const chunks: T[][] = [];
  let chunk: T[] = [];
  let bytes = 0;
  for (const item of items) {
    const size = sizeBytes(item);
    if (chunk.length > 0 && (chunk.length >= limits.rowsMax || bytes + size > limits.bytesMax)) {
      chunks.push(chunk);
      chunk = [];
      bytes = 0;
    }
    chunk.push(item);
    bytes += size;
  }
  if (chunk.length > 0) chunks.push(chunk);
  return chunks;
}
