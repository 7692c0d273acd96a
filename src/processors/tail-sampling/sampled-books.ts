import type { ProcessorContext } from '../../core/component.ts';
import { compareBits56, type Bits56 } from '../../otlp/sampling/bits56.ts';
import { adjustedCount, probabilityOf } from '../../otlp/sampling/threshold.ts';
import { newTally, SamplingBooks, type SamplingTally } from '../sampling/books.ts';
import { RatioWindow } from '../sampling/ratio-window.ts';

/** How many spans each kept one stands for. */
export interface Kept {
  readonly threshold: Bits56 | undefined;
  readonly probability: number | undefined;
}

/** What a trace stands for that was kept in this way and had come with `th`: also for what was left out before. */
export function keptAfter({ threshold, probability }: Kept, came: Bits56 | undefined): Kept {
  if (came === undefined) return { threshold, probability };
  if (threshold === undefined) return { threshold, probability: probability && probability * probabilityOf(came) };
  const larger = compareBits56(came, threshold) > 0 ? came : threshold;
  return { threshold: larger, probability: probabilityOf(larger) };
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

  kept(spans: number, { threshold, probability }: Kept): void {
    this.#window.book(spans, spans);
    this.#tally.adjusted += spans * (threshold === undefined ? 1 / (probability ?? 1) : adjustedCount(threshold));
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
