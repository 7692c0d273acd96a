import { KEY_VALUE } from '../../otlp/fields.ts';
import { Cursor, LEN } from '../../otlp/wire.ts';

/** Which labels stay when points are put together. */
export class KeptLabels {
  readonly #keys: readonly Uint8Array[] | undefined;

  /** `undefined`: all of them. */
  constructor(labels: readonly string[] | undefined) {
    this.#keys = labels?.map((label) => Buffer.from(label));
  }

  /** Whether the label stays whose KeyValue `at` stands on. */
  has(at: Cursor): boolean {
    if (this.#keys === undefined) return true;
    let isKept = false;
    for (entry.enter(at); entry.next();) {
      if (entry.field === KEY_VALUE.key && entry.wireType === LEN) isKept = this.#keys.some(isHere);
    }
    return isKept;
  }
}

const entry = new Cursor();
const isHere = (key: Uint8Array): boolean => entry.equals(key);

/** The cursor outlives the batch, its bytes must not. */
export function releaseKeptLabels(): void {
  entry.reset(EMPTY, 0, 0);
}

const EMPTY = new Uint8Array(0);
