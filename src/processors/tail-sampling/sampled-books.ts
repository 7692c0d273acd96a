import type { ProcessorContext } from '../../core/component.ts';
import { compareBits56, type Bits56 } from '../../otlp/sampling/bits56.ts';
import { adjustedCount } from '../../otlp/sampling/threshold.ts';
import { newTally, SamplingBooks, type SamplingTally } from '../sampling/books.ts';
import { RatioWindow } from '../sampling/ratio-window.ts';

/** How many spans each kept one stands for. */
interface Kept {
  readonly threshold: Bits56 | undefined;
  readonly probability: number | undefined;
}

/** What all samplers count, for one that decides about whole traces. */
export class SampledBooks {
  readonly #books: SamplingBooks;
  readonly #window: RatioWindow;
  readonly #tally: SamplingTally = newTally();

  constructor(context: Pick<ProcessorContext, 'id' | 'pipeline' | 'signal' | 'meter' | 'clock'>) {
    this.#window = new RatioWindow(context.clock);
    this.#books = new SamplingBooks(context, () => [{ key: '', asked: undefined, got: this.#window.ratio }]);
  }

  /** `came`: the `th` with which the spans came, where they had one. */
  kept(spans: number, kept: Kept, came: Bits56 | undefined): void {
    this.#window.book(spans, spans);
    this.#tally.adjusted += spans * countOf(kept, came);
    this.#close();
  }

  dropped(spans: number): void {
    this.#window.book(spans, 0);
  }

  /** Of spans as they come. */
  came(malformed: number, noRandomness: number): void {
    this.#tally.malformed += malformed;
    this.#tally.noRandomness += noRandomness;
    this.#close();
  }

  #close(): void {
    this.#books.book(this.#tally);
    this.#tally.adjusted = 0;
    this.#tally.malformed = 0;
    this.#tally.noRandomness = 0;
  }
}

/** Where luck decided by the randomness of the trace, what an earlier sampler left out has been counted there. */
function countOf({ threshold, probability }: Kept, came: Bits56 | undefined): number {
  if (threshold === undefined || came === undefined) return 1 / (probability ?? 1);
  return compareBits56(came, threshold) > 0 ? 1 : adjustedCount(threshold) / adjustedCount(came);
}
