import { copyLineInfo, newLineInfo, type LineInfo } from '../encode/line-info.ts';
import type { LineEncoder, RecordWriter } from '../encode/record-writer.ts';
import type { Group, HeldBudget } from './held-groups.ts';
import { extendPieces, type Piece } from './piece.ts';

const FIRST_BYTES = 1024;
const NEWLINE = Buffer.from('\n');
const NOTHING = Buffer.alloc(0);

/** Lines as bytes, end to end, with what the first of them (or the last) is besides its bytes. */
export class LineGroup implements Group {
  readonly pieces: Piece[] = [];
  readonly info: LineInfo = newLineInfo();
  buffer = Buffer.allocUnsafe(FIRST_BYTES);
  bytes = 0;
  lines = 0;
  grewMs = 0;
  readonly #budget: HeldBudget;

  constructor(budget: HeldBudget) {
    this.#budget = budget;
  }

  /** Takes the line over, and with it the pieces that it came from. */
  append(out: RecordWriter, source: Buffer, start: number, end: number, info: LineInfo): void {
    if (info.pieces === undefined) extendPieces(this.pieces, out.file, info.offset, info.endOffset);
    else this.pieces.push(...info.pieces);
    info.pieces = undefined;
    if (this.lines === 0) copyLineInfo(info, this.info);
    else {
      this.info.cut ||= info.cut;
      this.info.isUtf8 &&= info.isUtf8;
    }
    this.#copy(source, start, end);
    this.lines += 1;
    this.grewMs = out.monotonicMs;
  }

  separate(): void {
    this.#copy(NEWLINE, 0, NEWLINE.length);
  }

  /** Writes the lines as one record, from the byte `start` to the byte `end`. */
  write(out: RecordWriter, next: LineEncoder, start: number, end: number): void {
    this.info.pieces = this.pieces;
    next.encode(out, this.buffer, start, end, this.info);
    out.settle(this.info);
  }

  clear(): void {
    this.#budget.bytes -= this.bytes;
    this.pieces.length = 0;
    this.bytes = 0;
    this.lines = 0;
    if (this.buffer.length > 64 * FIRST_BYTES) this.buffer = NOTHING;
  }

  #copy(source: Buffer, start: number, end: number): void {
    const needed = this.bytes + end - start;
    if (needed > this.buffer.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, 2 * this.buffer.length, needed));
      this.buffer.copy(grown, 0, 0, this.bytes);
      this.buffer = grown;
    }
    source.copy(this.buffer, this.bytes, start, end);
    this.#budget.bytes += needed - this.bytes;
    this.bytes = needed;
  }
}
