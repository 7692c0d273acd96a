/** What a top-level key that is known beforehand was found to hold. */
export const NOT_FOUND = 0;
export const PLAIN_STRING = 1;
export const NUMBER = 2;
export const OTHER = 3;

export interface Captured {
  kind: typeof NOT_FOUND | typeof PLAIN_STRING | typeof NUMBER | typeof OTHER;
  /** Of the content: without quotes. */
  start: number;
  end: number;
}

/** Writes a field of the record from the value of a string. */
export interface Lift {
  /** Keys of one kind say the same; a line with two of them needs the slow path. Below 32. */
  readonly kind: number;
  readonly keepsAttribute: boolean;
  /** Characters of every value that is fit. */
  readonly digits: number;
  /** Returns where the field ends, or -1 when the value is not fit: it stays an attribute. */
  write(source: Buffer, start: number, end: number, out: Buffer, at: number): number;
}

/** What happens to a top-level key: its value is noted, or it is lifted out of the attributes when `lift` takes it. */
export interface WatchedKey {
  readonly key: string;
  readonly captured?: Captured;
  readonly lift?: Lift;
  /** The key needs the slow path. */
  readonly refuse?: boolean;
}
