/**
 * Short runs of bytes by number, in a few large blocks: what is remembered of one series each. No object for any of them.
 *
 *   block   [ cell .. .. | cell .. | free .. .. .. | ... ]     of 4,096 units of 16 bytes
 *   cell    units: uint8, length: uint16, then the bytes
 *   free    units: uint8, then the next free cell of as many units: uint32, 0 for none
 *
 * Invariants: the number of a cell is that of its first unit, and never 0. A cell keeps its units until it is freed, and
 * is used again for content that needs just as many.
 */
export class CellStore {
  readonly #limitBytes: number;
  readonly #blocks: Buffer[] = [];
  /** By units: the first free cell. */
  readonly #free = new Uint32Array(MAX_UNITS + 1);
  /** The first unit that was never given. */
  #next = 1;
  #usedBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Of all blocks. */
  get bytes(): number {
    return this.#blocks.length * BLOCK_BYTES;
  }

  /** Of the cells that are in use. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Most of it is free: what is left had better move to another one. */
  get isSparse(): boolean {
    return this.#blocks.length > 4 && this.#usedBytes * 4 < this.bytes;
  }

  /**
   * Keeps `source[start, end)` in place of what `cell` has; 0 for no cell. Returns where, or 0, and then nothing is kept,
   * when there is no room. What is urgent may have what is set aside for that, an eighth of all.
   */
  put(cell: number, source: Uint8Array, start: number, end: number, isUrgent = false): number {
    const length = end - start;
    const units = (length + HEADER_BYTES + UNIT_BYTES - 1) >>> UNIT_SHIFT;
    let to = cell;
    if (to === 0 || this.#unitsOf(to) !== units) {
      if (to !== 0) this.free(to);
      to = this.#take(units, isUrgent);
      if (to === 0) return 0;
    }
    const block = this.#blockOf(to);
    let at = offsetOf(to);
    block[at + 1] = length & 0xff;
    block[at + 2] = length >>> 8;
    at += HEADER_BYTES;
    if (length > COPIED_BY_LOOP) block.copy.call(source, block, at, start, end);
    else for (let from = start; from < end; from++, at++) block[at] = source[from] ?? 0;
    return to;
  }

  free(cell: number): void {
    const units = this.#unitsOf(cell);
    this.#blockOf(cell).writeUInt32LE(this.#free[units] ?? 0, offsetOf(cell) + 1);
    this.#free[units] = cell;
    this.#usedBytes -= units * UNIT_BYTES;
  }

  /** Where the content of a cell stands: in `bytesOf(cell)`, from here on, `lengthOf(cell)` bytes; until the next `put`. */
  startOf(cell: number): number {
    return offsetOf(cell) + HEADER_BYTES;
  }

  bytesOf(cell: number): Uint8Array {
    return this.#blockOf(cell);
  }

  lengthOf(cell: number): number {
    const block = this.#blockOf(cell);
    const at = offsetOf(cell);
    return (block[at + 1] ?? 0) | ((block[at + 2] ?? 0) << 8);
  }

  #take(units: number, isUrgent: boolean): number {
    if (units > MAX_UNITS) return 0;
    const free = this.#free[units] ?? 0;
    let cell = free;
    if (free === 0) cell = this.#takeNew(units, isUrgent ? this.#limitBytes : this.#limitBytes * 0.875);
    else this.#free[units] = this.#blockOf(free).readUInt32LE(offsetOf(free) + 1);
    if (cell === 0) return 0;
    this.#blockOf(cell)[offsetOf(cell)] = units;
    this.#usedBytes += units * UNIT_BYTES;
    return cell;
  }

  #takeNew(units: number, limitBytes: number): number {
    const room = BLOCK_UNITS - (this.#next & (BLOCK_UNITS - 1));
    const isFirst = this.#blocks.length === 0;
    if (isFirst || room < units || room === BLOCK_UNITS) {
      if (this.bytes + BLOCK_BYTES > limitBytes) return 0;
      // What is left of the block is smaller than this cell, but not too small for another.
      if (!isFirst && room < units) this.#freeRest(room);
      this.#blocks.push(Buffer.allocUnsafeSlow(BLOCK_BYTES));
      this.#next = isFirst ? 1 : (this.#blocks.length - 1) * BLOCK_UNITS;
    }
    const cell = this.#next;
    this.#next += units;
    return cell;
  }

  #freeRest(units: number): void {
    const cell = this.#next;
    this.#blockOf(cell)[offsetOf(cell)] = units;
    this.#usedBytes += units * UNIT_BYTES;
    this.free(cell);
  }

  #unitsOf(cell: number): number {
    return this.#blockOf(cell)[offsetOf(cell)] ?? 0;
  }

  #blockOf(cell: number): Buffer {
    const block = this.#blocks[cell >>> BLOCK_SHIFT];
    if (block === undefined) throw new Error('BUG: there is no such cell.');
    return block;
  }
}

const UNIT_SHIFT = 4;
const UNIT_BYTES = 1 << UNIT_SHIFT;
const HEADER_BYTES = 3;
const BLOCK_SHIFT = 12;
const BLOCK_UNITS = 1 << BLOCK_SHIFT;
const BLOCK_BYTES = BLOCK_UNITS * UNIT_BYTES;
const MAX_UNITS = 255;
const COPIED_BY_LOOP = 48;

function offsetOf(cell: number): number {
  return (cell & (BLOCK_UNITS - 1)) << UNIT_SHIFT;
}
