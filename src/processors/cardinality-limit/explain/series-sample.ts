/**
 * Some of the series, as one column for each label, so that it can be asked what would remain without any set of labels.
 * A series is in it when its hash is below a bound that halves whenever the rows are full, so that the rows are a fair
 * sample of all series however often each of them came.
 *
 *   row r     | part of label 0 | part of label 1 | ... | sum of all parts |       a part is 0 where the label is missing
 *
 * Invariants: `hashes` of the rows differ and are below `#below`; there are all series while `isWhole`.
 */
export const SAMPLE_ROWS = 256;

export class SeriesSample {
  rows = 0;
  readonly #columns: number;
  readonly #hashes = new Uint32Array(SAMPLE_ROWS);
  readonly #cells: Uint32Array;
  #below = 2 ** 32;

  constructor(labels: number) {
    this.#columns = labels + 1;
    this.#cells = new Uint32Array(SAMPLE_ROWS * this.#columns);
  }

  /** What a sample of so many labels takes. */
  static bytesFor(labels: number): number {
    return SAMPLE_ROWS * 4 * (labels + 2);
  }

  get isWhole(): boolean {
    return this.#below === 2 ** 32;
  }

  /** `parts` of each label, 0 where it is missing; read only when the series is taken. */
  add(hash: number, parts: Uint32Array, total: number): void {
    if (hash >= this.#below || this.#hashes.subarray(0, this.rows).includes(hash)) return;
    while (this.rows === SAMPLE_ROWS) this.#halve();
    if (hash >= this.#below) return;
    const at = this.rows * this.#columns;
    this.#cells.set(parts.subarray(0, this.#columns - 1), at);
    this.#cells[at + this.#columns - 1] = total;
    this.#hashes[this.rows] = hash;
    this.rows += 1;
  }

  /** The sum of the parts of a row that are not of these labels: equal for series that would become one. */
  without(row: number, labels: readonly number[]): number {
    const at = row * this.#columns;
    let sum = this.#cells[at + this.#columns - 1] ?? 0;
    for (const label of labels) sum -= this.#cells[at + label] ?? 0;
    return sum >>> 0;
  }

  clear(): void {
    this.rows = 0;
    this.#below = 2 ** 32;
  }

  #halve(): void {
    this.#below /= 2;
    let kept = 0;
    for (let row = 0; row < this.rows; row++) {
      const hash = this.#hashes[row] ?? 0;
      if (hash >= this.#below) continue;
      this.#hashes[kept] = hash;
      this.#cells.copyWithin(kept * this.#columns, row * this.#columns, (row + 1) * this.#columns);
      kept += 1;
    }
    this.rows = kept;
  }
}
