import { Writer } from '../../otlp/writer.ts';
import type { ByteHash } from './byte-hash.ts';
import { equalBytes, grownRoom, isFull, longerFloat64, longerInt32, longerUint8, slotsFor } from './columns.ts';
import { NONE, PointParts, type Metric } from './point.ts';

/** Of a table that knows nothing of its target yet. */
const ROOM = 64;

/**
 * The data points of one target, as columns of numbers: no object for each, so that a collection has nothing to walk.
 *
 *   attributes   | of point 0 | of point 1 | ... | being written |
 *                 ^starts[0]   ^starts[1]         ^starts[count]  ^attributes.pos
 *
 * A point is known by its metric and its encoded attributes. Points are never removed: a table with too many dead ones
 * is replaced as a whole.
 */
export class PointTable {
  count = 0;
  /** Encoded attributes of all points, in their order. */
  readonly attributes = new Writer(ROOM * 64);
  /** Where the attributes of a point begin; they end where those of the next one begin. */
  starts = new Int32Array(ROOM + 1);
  /** The next point of the same metric, or NONE. */
  next = new Int32Array(ROOM);
  /** Entry of the value; of the count for histograms and summaries. */
  value = new Int32Array(ROOM);
  /** Milliseconds since the epoch, NaN when unknown. */
  startMs = new Float64Array(ROOM);
  /** What was last read: a lower value now is a reset. */
  previous = new Float64Array(ROOM);
  /** Number of the page in which a point was last written with a value that a stale marker must end. */
  writtenPage = new Int32Array(ROOM);
  /** 1: downstream believes that it is alive; when it vanishes, a stale marker is owed. */
  exported = new Uint8Array(ROOM);

  readonly #hash: ByteHash;
  #metrics = new Int32Array(ROOM);
  #metricCount = 0;
  #hashes = new Int32Array(ROOM);
  /** Open addressing: 0 is free, otherwise point + 1. */
  #slots = new Int32Array(slotsFor(ROOM));
  /** Index in `#partList`, NONE for a point that is one number. Undefined while all are. */
  #parts: Int32Array | undefined;
  readonly #partList: PointParts[] = [];
  #last = NONE;

  constructor(hash: ByteHash) {
    this.#hash = hash;
  }

  /** Makes room for `points` in all, with `attributeBytes` together. */
  reserve(points: number, attributeBytes: number): void {
    if (points > this.value.length) this.#grow(points);
    if (isFull(this.#slots, points)) this.#rehash(points);
    this.attributes.ensure(Math.max(0, attributeBytes - this.attributes.pos));
  }

  /** Bytes of memory held. */
  get bytes(): number {
    const parts = (this.#parts?.length ?? 0) * 4 + this.#partList.length * 400;
    return this.attributes.buffer.length + this.value.length * 41 + this.#slots.length * 4 + parts;
  }

  attributesEnd(point: number): number {
    return this.starts[point + 1] ?? 0;
  }

  /** The point of `metric` whose attributes were just written to `attributes`; they are taken back when it was there. */
  at(metric: Metric): number {
    const start = this.starts[this.count] ?? 0;
    const end = this.attributes.pos;
    if (metric.index === NONE) metric.index = this.#metricCount++;
    let point = this.#last;
    if (!hasParts(metric) || point === NONE || !this.#isAt(point, metric.index, start, end)) {
      const hash = this.#hash.of(this.attributes.words, start, end, metric.index);
      point = this.#find(metric.index, hash, start, end);
      if (point === NONE) point = this.#add(metric, hash, end);
      this.#last = point;
    }
    this.attributes.pos = this.starts[this.count] ?? 0;
    return point;
  }

  /** The further entries of a point; undefined when it is one number. */
  partsOf(point: number): PointParts | undefined {
    const at = this.#parts?.[point] ?? NONE;
    return at === NONE ? undefined : this.#partList[at];
  }

  /** As `partsOf`, made when there are none. */
  ownParts(point: number): PointParts {
    const existing = this.partsOf(point);
    if (existing !== undefined) return existing;
    this.#parts ??= new Int32Array(this.value.length).fill(NONE);
    const parts = new PointParts();
    this.#parts[point] = this.#partList.push(parts) - 1;
    return parts;
  }

  /** Gives the value its entry, or returns the entry that already holds it (labels in another order). */
  assignValue(point: number, entry: number): number {
    const existing = this.value[point] ?? NONE;
    if (existing !== NONE) return existing;
    this.value[point] = entry;
    return entry;
  }

  /** What was written in `page`, and nothing else, is alive downstream. */
  markExported(page: number): void {
    const { writtenPage, exported } = this;
    for (let point = 0; point < this.count; point++) exported[point] = writtenPage[point] === page ? 1 : 0;
  }

  #isAt(point: number, metric: number, start: number, end: number): boolean {
    if (this.#metrics[point] !== metric) return false;
    const from = this.starts[point] ?? 0;
    const length = end - start;
    if ((this.starts[point + 1] ?? 0) - from !== length) return false;
    const { words } = this.attributes;
    return equalBytes(words, from, words, start, length);
  }

  #find(metric: number, hash: number, start: number, end: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const point = (this.#slots[slot] ?? 0) - 1;
      if (point === NONE) return NONE;
      if (this.#hashes[point] === hash && this.#isAt(point, metric, start, end)) return point;
    }
  }

  #add(metric: Metric, hash: number, end: number): number {
    const point = this.count;
    if (point === this.value.length) this.#grow(grownRoom(point, 0));
    this.count += 1;
    this.starts[this.count] = end;
    this.next[point] = NONE;
    this.value[point] = NONE;
    this.startMs[point] = this.previous[point] = Number.NaN;
    this.#metrics[point] = metric.index;
    this.#hashes[point] = hash;
    if (metric.firstPoint === NONE) metric.firstPoint = point;
    else this.next[metric.lastPoint] = point;
    metric.lastPoint = point;
    if (isFull(this.#slots, this.count)) this.#rehash(this.count);
    else this.#insert(point, hash);
    return point;
  }

  #insert(point: number, hash: number): void {
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = point + 1;
  }

  #rehash(expected: number): void {
    this.#slots = new Int32Array(slotsFor(expected));
    for (let point = 0; point < this.count; point++) this.#insert(point, this.#hashes[point] ?? 0);
  }

  #grow(room: number): void {
    this.starts = longerInt32(this.starts, room + 1);
    this.next = longerInt32(this.next, room);
    this.value = longerInt32(this.value, room);
    this.startMs = longerFloat64(this.startMs, room);
    this.previous = longerFloat64(this.previous, room);
    this.writtenPage = longerInt32(this.writtenPage, room);
    this.exported = longerUint8(this.exported, room);
    this.#metrics = longerInt32(this.#metrics, room);
    this.#hashes = longerInt32(this.#hashes, room);
    if (this.#parts !== undefined) this.#parts = longerInt32(this.#parts, room).fill(NONE, this.#parts.length);
  }
}

/** Several lines give one point, and they follow each other. */
function hasParts({ kind }: Metric): boolean {
  return kind === 'histogram' || kind === 'summary';
}
