/** A number of 64 bits in two halves. */
export interface Bits64 {
  readonly high: number;
  readonly low: number;
}

const OFFSET: Bits64 = { high: 0xcbf29ce4, low: 0x84222325 };
/** The prime is 2^40 + 435. */
const PRIME_LOW = 435;
const TRACE_ID_BYTES = 16;

/** FNV-1a of 64 bits over the salt and a trace id. Source: Collector, tailsamplingprocessor, policy probabilistic. */
export class TraceHash implements Bits64 {
  high = 0;
  low = 0;
  readonly #salted: Bits64;

  constructor(salt: string) {
    const bytes = Buffer.from(salt);
    this.#start(OFFSET);
    this.#add(bytes, 0, bytes.length);
    this.#salted = { high: this.high, low: this.low };
  }

  /** Becomes the hash of the id at `at`. */
  of(bytes: Uint8Array, at: number): this {
    this.#start(this.#salted);
    this.#add(bytes, at, at + TRACE_ID_BYTES);
    return this;
  }

  #start({ high, low }: Bits64): void {
    this.high = high;
    this.low = low;
  }

  #add(bytes: Uint8Array, start: number, end: number): void {
    let { high, low } = this;
    for (let at = start; at < end; at++) {
      const mixed = (low ^ (bytes[at] ?? 0)) >>> 0;
      const product = mixed * PRIME_LOW;
      low = product >>> 0;
      high = (Math.imul(high, PRIME_LOW) + (product - low) / 2 ** 32 + (mixed << 8)) >>> 0;
    }
    this.high = high;
    this.low = low;
  }
}

export function isAtMost(value: Bits64, most: Bits64): boolean {
  return value.high === most.high ? value.low <= most.low : value.high < most.high;
}

const MAX_UINT64 = 2n ** 64n - 1n;

/**
 * The largest hash that is sampled: this share of 2^64 - 1, rounded to 64 significant bits and then down, as the
 * Collector's big.Float does.
 */
export function hashLimit(share: number): Bits64 {
  const { fraction, exponent } = partsOf(share);
  const product = MAX_UINT64 * fraction;
  const surplus = BigInt(Math.max(0, product.toString(2).length - 64));
  const rounded = nearestEven(product, surplus);
  const shift = exponent + surplus;
  const whole = shift >= 0n ? rounded << shift : rounded >> -shift;
  const limit = whole > MAX_UINT64 ? MAX_UINT64 : whole;
  return { high: Number(limit >> 32n), low: Number(limit & 0xffffffffn) };
}

/** The share of all hashes that are at most this. */
export function shareOf({ high, low }: Bits64): number {
  return (high * 2 ** 32 + low + 1) / 2 ** 64;
}

/** value / 2^bits. */
function nearestEven(value: bigint, bits: bigint): bigint {
  if (bits === 0n) return value;
  const down = value >> bits;
  const rest = value - (down << bits);
  const half = 1n << (bits - 1n);
  return rest > half || (rest === half && (down & 1n) === 1n) ? down + 1n : down;
}

/** value = fraction * 2^exponent, exact; for values that are not negative. */
function partsOf(value: number): { fraction: bigint; exponent: bigint } {
  const bits = new BigUint64Array(new Float64Array([value]).buffer)[0] ?? 0n;
  const fraction = bits & (2n ** 52n - 1n);
  const exponent = bits >> 52n;
  return exponent === 0n
    ? { fraction, exponent: -1074n }
    : { fraction: fraction | (1n << 52n), exponent: exponent - 1075n };
}
