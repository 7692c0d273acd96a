import { thresholdOf } from '../../otlp/sampling/threshold.ts';

/** A flow is one key in one of two classes. They stand next to each other: `2 * key + class`. */
export const ORDINARY = 0;
/** Errors, and what was slow. */
export const PRIORITY = 1;

/** How much quicker than the window the second estimate follows. */
const QUICKER = 10;

/** The lowest share that is asked for: an item then stands for a million. What is nearer to all than that is all. */
const MIN_SHARE = 2 ** -20;

/**
 * What comes of each flow, measured, and how much of it is to be kept. Amounts are items or bytes, rates are amounts a
 * second.
 *
 * Two estimates of each rate, both averages whose weights decay exponentially, over the window and over a tenth of it.
 * The first is what counts: applications export in lumps (every 5 s, as SDKs come), and a lump is no burst. The second
 * tells when the first is late: see `rateOf` and `burstRateOf`.
 *
 * Invariant: an estimate is of the moment of the last `settle`; what came since is in `#arrived`.
 */
export class Flows {
  /** What share of each flow is to be kept, as its threshold says. */
  readonly share: Float64Array;
  /** The upper 32 bits of the threshold, to be taken without sign. The lower 24 are zero: 4 digits of precision, and as many that lead, fit. */
  readonly threshold: Int32Array;
  readonly #slow: Float64Array;
  readonly #quick: Float64Array;
  readonly #arrived: Float64Array;
  readonly #windowS: number;
  readonly #quickS: number;

  constructor(flows: number, windowMs: number) {
    this.share = new Float64Array(flows).fill(1);
    this.threshold = new Int32Array(flows);
    this.#slow = new Float64Array(flows);
    this.#quick = new Float64Array(flows);
    this.#arrived = new Float64Array(flows);
    this.#windowS = windowMs / 1000;
    this.#quickS = this.#windowS / QUICKER;
  }

  arrive(flow: number, amount: number): void {
    this.#arrived[flow] = (this.#arrived[flow] ?? 0) + amount;
  }

  /** Takes what arrived into the estimates of the first `count` flows, `elapsedMs` after the last time. */
  settle(count: number, elapsedMs: number, spreadMs: number): void {
    const slow = decay(elapsedMs, spreadMs, this.#windowS);
    const quick = decay(elapsedMs, spreadMs, this.#quickS);
    for (let flow = 0; flow < count; flow++) {
      const arrived = this.#arrived[flow] ?? 0;
      this.#slow[flow] = (this.#slow[flow] ?? 0) * slow.kept + arrived * slow.gain;
      this.#quick[flow] = (this.#quick[flow] ?? 0) * quick.kept + arrived * quick.gain;
      this.#arrived[flow] = 0;
    }
  }

  /**
   * The rate of a flow while `coming` of it is being decided about. Half of that counts: an estimate is low before a lump
   * and high after it, and right in the middle. When the quick estimate is far below, a burst is over.
   */
  rateOf(flow: number, coming: number): number {
    const slow = (this.#slow[flow] ?? 0) + coming / 2 / this.#windowS;
    const quick = (this.#quick[flow] ?? 0) + coming / 2 / this.#quickS;
    return quick < slow / 2 ? quick : slow;
  }

  /**
   * The same when more is kept than there should be: a flow whose quick estimate is far above the other one has begun to
   * burst.
   */
  burstRateOf(flow: number, coming: number): number {
    const slow = (this.#slow[flow] ?? 0) + coming / 2 / this.#windowS;
    const quick = (this.#quick[flow] ?? 0) + coming / 2 / this.#quickS;
    return quick > slow * 1.5 ? quick : this.rateOf(flow, coming);
  }

  /** A burst was measured: from now on the slow estimate goes on from there. */
  raise(flow: number, rate: number, coming: number): void {
    this.#slow[flow] = Math.max(this.#slow[flow] ?? 0, rate - coming / 2 / this.#windowS);
  }

  /** Asks for a share of a flow; what is kept is that of the threshold, whose digits are rounded. */
  ask(flow: number, share: number): void {
    if (share > 1 - MIN_SHARE) {
      this.threshold[flow] = 0;
      this.share[flow] = 1;
      return;
    }
    const { high, low } = thresholdOf(Math.max(share, MIN_SHARE));
    this.threshold[flow] = (high << 8) | (low >>> 24);
    this.share[flow] = shareOf(this.threshold[flow] ?? 0);
  }

  forget(flow: number): void {
    for (const column of [this.#slow, this.#quick, this.#arrived]) column[flow] = 0;
    this.ask(flow, 1);
  }
}

/** How an average over `windowS` goes on: what came is taken to have come evenly in the first `spreadMs`. */
function decay(elapsedMs: number, spreadMs: number, windowS: number): { readonly kept: number; readonly gain: number } {
  const elapsedS = elapsedMs / 1000;
  const spreadS = Math.min(elapsedMs, spreadMs) / 1000;
  const after = Math.exp((spreadS - elapsedS) / windowS);
  const gain = spreadS === 0 ? 1 / windowS : -Math.expm1(-spreadS / windowS) / spreadS;
  return { kept: Math.exp(-elapsedS / windowS), gain: gain * after };
}

/** What is kept by a threshold with these upper 32 bits. */
export function shareOf(threshold: number): number {
  return 1 - (threshold >>> 0) / 2 ** 32;
}
