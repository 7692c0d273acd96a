import type { Piece } from '../joining/piece.ts';
import type { LineMarks } from '../operators/container/marks.ts';

/** What a line is besides its bytes. One object serves all lines: it is valid during the call only. */
export interface LineInfo {
  /** It was cut at max_log_size. */
  cut: boolean;
  /** False for bytes that may not be UTF-8: a part of a line, whose last character may go on in the next part. */
  isUtf8: boolean;
  /** Where it begins in the file. */
  offset: number;
  /** Where it ends in the file, behind its line end. */
  endOffset: number;
  /** Its number in the file, from 1. */
  number: number;
  /** The time that a container runtime wrote before it: seconds since the Unix epoch, -1 for none. */
  seconds: number;
  nanos: number;
  /** What a container runtime tells of it. */
  marks: LineMarks | undefined;
  /**
   * The bytes that it was joined from; undefined for a line as it stands in the file. Who keeps the line back takes them
   * over and leaves undefined.
   */
  pieces: readonly Piece[] | undefined;
}

export function newLineInfo(): LineInfo {
  return {
    cut: false,
    isUtf8: true,
    offset: 0,
    endOffset: 0,
    number: 0,
    seconds: -1,
    nanos: 0,
    marks: undefined,
    pieces: undefined,
  };
}

/** Everything but the pieces, which have one owner. */
export function copyLineInfo(from: LineInfo, to: LineInfo): void {
  to.cut = from.cut;
  to.isUtf8 = from.isUtf8;
  to.offset = from.offset;
  to.endOffset = from.endOffset;
  to.number = from.number;
  copyRuntime(from, to);
}

/** What a container runtime tells. */
export function copyRuntime(from: LineInfo, to: LineInfo): void {
  to.seconds = from.seconds;
  to.nanos = from.nanos;
  to.marks = from.marks;
}
