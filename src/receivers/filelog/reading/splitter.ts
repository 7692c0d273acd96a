import type { Encoding } from './encodings.ts';

/** The bytes of one chunk that are split into records. */
export interface Chunk {
  readonly data: Buffer;
  /** From here on the bytes may be looked at; records begin no earlier than one unit after. */
  readonly start: number;
  readonly end: number;
  /** Nothing more is waited for: what looks like the end of a record now is one. */
  readonly isFinal: boolean;
}

/**
 * Finds where records end. What it says depends on the bytes of the file alone, not on where chunks begin and end: it does
 * not decide while bytes to come might change the answer, unless the chunk is final.
 */
export interface Splitter {
  /** How many bytes behind a place at most are needed to know whether a record ends there. */
  readonly reachBytes: number;
  /** The record that was found: its content, and where what follows it begins. */
  readonly from: number;
  readonly to: number;
  readonly next: number;
  begin(chunk: Chunk): void;
  /** Finds the end of the record that begins at `at`. `isRest`: it goes on there after a cut. */
  find(at: number, isRest: boolean): boolean;
  /** Takes all that is left as the last record. */
  takeRest(at: number, isRest: boolean): void;
}

const CARRIAGE_RETURN = 13;

/** Records are lines. The line end, `\n` or `\r\n`, is not part of them. */
export class LineSplitter implements Splitter {
  readonly reachBytes = 0;
  from = 0;
  to = 0;
  next = 0;
  readonly #encoding: Encoding;
  readonly #unitBytes: number;
  #data: Buffer = Buffer.alloc(0);
  #end = 0;

  constructor(encoding: Encoding) {
    this.#encoding = encoding;
    this.#unitBytes = encoding.unitBytes;
  }

  begin({ data, end }: Chunk): void {
    this.#data = data;
    this.#end = end;
  }

  find(at: number): boolean {
    const newline = this.#encoding.newline(this.#data, at, this.#end);
    if (newline === -1) return false;
    this.next = newline + this.#unitBytes;
    this.#take(at, newline);
    return true;
  }

  takeRest(at: number): void {
    this.next = this.#end;
    this.#take(at, this.#end);
  }

  #take(start: number, end: number): void {
    this.from = start;
    const last = end - this.#unitBytes;
    const isReturn =
      last >= start && this.#data[last] === CARRIAGE_RETURN && (this.#unitBytes === 1 || this.#data[last + 1] === 0);
    this.to = isReturn ? last : end;
  }
}
