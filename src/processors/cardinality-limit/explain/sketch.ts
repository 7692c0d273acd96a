/**
 * How many different hashes were added, in 1 KiB: exact for the first few, then a HyperLogLog.
 *
 *   few     | 256 words, a hash each, open addressing: up to 128 hashes, counted exactly
 *   many    | 1024 registers of one byte: register hash >>> 22 has seen up to n - 1 leading zeros in the other 22 bits
 *
 * Invariants: 0 is an empty word, so a hash of 0 counts as 1; a sketch of many never becomes one of few, except by `clear`.
 * The standard error of many is 1.04 / sqrt(1024) = 3.3 %; hashes of 32 bits make 100 million look like 99.
 */
export const SKETCH_BYTES = 1024;
/** The standard error of an estimate above `EXACT_TO`. */
export const SKETCH_ERROR = 0.0325;
/** Up to here a count is exact, but for equal hashes. */
export const EXACT_TO = 128;

const WORDS = SKETCH_BYTES / 4;
const REGISTERS = SKETCH_BYTES;
/** Bits of a hash that are looked at for zeros; a register holds 0 to RANK_BITS + 1. */
const RANK_BITS = 22;

export class DistinctSketch {
  readonly #words = new Uint32Array(WORDS);
  readonly #registers = new Uint8Array(this.#words.buffer);
  #exact = 0;
  #isMany = false;

  add(hash: number): void {
    if (this.#isMany) this.#register(hash >>> 0);
    else this.#put(hash === 0 ? 1 : hash >>> 0);
  }

  /** Rounded to a whole number. */
  count(): number {
    return this.#isMany ? Math.round(estimate(this.#registers)) : this.#exact;
  }

  copyFrom(other: DistinctSketch): void {
    this.#words.set(other.#words);
    this.#exact = other.#exact;
    this.#isMany = other.#isMany;
  }

  clear(): void {
    this.#words.fill(0);
    this.#exact = 0;
    this.#isMany = false;
  }

  #put(hash: number): void {
    const words = this.#words;
    let at = hash % WORDS;
    for (let word = words[at]; word !== 0; word = words[at]) {
      if (word === hash) return;
      at = (at + 1) % WORDS;
    }
    if (this.#exact === EXACT_TO) {
      this.#becomeMany();
      this.#register(hash);
      return;
    }
    words[at] = hash;
    this.#exact += 1;
  }

  #becomeMany(): void {
    const hashes = this.#words.filter((word) => word !== 0);
    this.#words.fill(0);
    this.#isMany = true;
    for (const hash of hashes) this.#register(hash);
  }

  #register(hash: number): void {
    const at = hash >>> RANK_BITS;
    // The bit below the last keeps the count of zeros inside of the bits that are looked at.
    const rank = Math.clz32((hash << (32 - RANK_BITS)) | (1 << (31 - RANK_BITS))) + 1;
    if (rank > (this.#registers[at] ?? 0)) this.#registers[at] = rank;
  }
}

/**
 * The improved raw estimator of Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (2017), section 4:
 * without a bias where others change from one formula to another.
 */
function estimate(registers: Uint8Array): number {
  const having = new Array<number>(RANK_BITS + 2).fill(0);
  for (const rank of registers) having[rank] = (having[rank] ?? 0) + 1;
  let z = REGISTERS * tau(1 - (having[RANK_BITS + 1] ?? 0) / REGISTERS);
  for (let rank = RANK_BITS; rank >= 1; rank--) z = (z + (having[rank] ?? 0)) / 2;
  z += REGISTERS * sigma((having[0] ?? 0) / REGISTERS);
  return (REGISTERS * REGISTERS) / (2 * Math.LN2 * z);
}

/** Of the share of registers that nothing came to. */
function sigma(share: number): number {
  if (share === 1) return Infinity;
  let [power, weight, sum, before] = [share, 1, share, -1];
  while (sum !== before) {
    power *= power;
    before = sum;
    sum += power * weight;
    weight *= 2;
  }
  return sum;
}

/** Of the share of registers that are not full. */
function tau(share: number): number {
  if (share === 0 || share === 1) return 0;
  let [root, weight, sum, before] = [share, 1, 1 - share, -1];
  while (sum !== before) {
    root = Math.sqrt(root);
    before = sum;
    weight /= 2;
    sum -= (1 - root) ** 2 * weight;
  }
  return sum / 3;
}
