// A patch of avsc 5.7.9: `ArrayType` and `MapType`, `_read` and `_skip`, lib/types.js.
//
// Why. An array stands in blocks, each behind the number of its items. The library believes that number: it makes so many items, far past
// the end of the bytes, and only then finds that there were too few of them. Seventeen bytes on a topic take all memory, which nothing can
// catch, and take it again at the next start. What is skipped is believed as well, and a length below zero skips for ever.
//
// What differs. A block with more items than it has bytes is an error, and so is more than a million of them; what has been read past the
// end goes no further. An item without any byte, a null, would be an error too: no schema here has arrays of such.
//
// How. In memory, for all types of the process, those of other writers and of resolvers included, and only in place of the text that was
// reviewed (ADR 0010).
import { createRequire } from 'node:module';
import { assertReviewed } from './reviewed.ts';

const MODULE = 'avsc/lib/types.js';
const REVIEWED_SHA256 = 'efcdb766e87219eb86e13c4ebc5becf3ee537cc2af9dafd718961a21409c533d';
/** Above all that was ever written: few bytes on the log can be unpacked to many, and each item of them is an object. */
const ITEMS_MAX = 1_000_000;

interface Tap {
  readonly buf: Buffer;
  pos: number;
  isValid(): boolean;
  readLong(): number;
  skipLong(): void;
  readString(): string;
  skipString(): void;
}

/** A type, or how one is read as another. */
interface Part {
  _read(tap: Tap): unknown;
  _skip(tap: Tap): void;
}

interface ArrayPart extends Part {
  readonly itemsType: Part;
}

interface MapPart extends Part {
  readonly valuesType: Part;
}

export interface BlockTypes {
  readonly ArrayType: { readonly prototype: Pick<ArrayPart, '_read' | '_skip'> };
  readonly MapType: { readonly prototype: Pick<MapPart, '_read' | '_skip'> };
}

export function patchBlocks(
  { ArrayType, MapType }: BlockTypes = (createRequire(import.meta.url)('avsc') as { readonly types: BlockTypes }).types,
): void {
  const [array, map] = [ArrayType.prototype, MapType.prototype];
  if (String(array._read) === String(readArray)) return;
  const installed = [array._read, array._skip, map._read, map._skip].join('\n');
  assertReviewed(MODULE, installed, REVIEWED_SHA256);
  Object.assign(array, { _read: readArray, _skip: skipArray });
  Object.assign(map, { _read: readMap, _skip: skipMap });
}

function readArray(this: ArrayPart, tap: Tap): unknown[] {
  const items: unknown[] = [];
  readBlocks(tap, () => void items.push(this.itemsType._read(tap)));
  return items;
}

function readMap(this: MapPart, tap: Tap): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  readBlocks(tap, () => {
    const key = tap.readString();
    values[key] = this.valuesType._read(tap);
  });
  return values;
}

function skipArray(this: ArrayPart, tap: Tap): void {
  readBlocks(tap, () => this.itemsType._skip(tap));
}

function skipMap(this: MapPart, tap: Tap): void {
  readBlocks(tap, () => {
    tap.skipString();
    this.valuesType._skip(tap);
  });
}

/** A block may begin with its length in bytes, of which its number of items then stands below zero. Items are skipped one by one all the same. */
function readBlocks(tap: Tap, readItem: () => void): void {
  let before = 0;
  for (let count = tap.readLong(); count !== 0; count = tap.readLong()) {
    if (count < 0) tap.skipLong();
    const items = Math.abs(count);
    const bytesLeft = tap.buf.length - tap.pos;
    // Also false of what is no number.
    if (!(items <= bytesLeft && before + items <= ITEMS_MAX))
      throw new RangeError(`a block of ${items} items in ${bytesLeft} bytes`);
    for (let left = items; left > 0; left -= 1) {
      readItem();
      if (!tap.isValid()) throw new RangeError('truncated buffer');
    }
    before += items;
  }
}
