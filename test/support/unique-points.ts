import { batchBytes, makeBatch, type Batch } from '../../src/core/batch.ts';
import { metricBatch, type MetricPoint } from './metric-points.ts';

const DIGITS = 10;

/** Batches of points of one metric, each with a value of the attribute `user` that no other has; all in the same bytes. */
export class UniquePoints {
  readonly size: number;
  readonly #bytes: Uint8Array;
  readonly #places: number[] = [];
  #next = 0;

  constructor(size: number, like: Pick<MetricPoint, 'metric' | 'kind' | 'temporality'>) {
    this.size = size;
    const points = Array.from({ length: size }, (): MetricPoint => ({
      ...like,
      resource: { 'service.name': 'shop' },
      attributes: [
        ['method', 'GET'],
        ['user', MARK],
      ],
      start: 10,
      time: 20,
      value: 1,
    }));
    this.#bytes = Uint8Array.from(batchBytes(metricBatch(points)));
    const mark = Buffer.from(MARK);
    const bytes = Buffer.from(this.#bytes.buffer);
    for (let at = bytes.indexOf(mark); at >= 0; at = bytes.indexOf(mark, at + 1)) this.#places.push(at);
  }

  /** Valid until the next call. `first`: the number of its first user; the next that was not there when absent. */
  batch(first = this.#next): Batch {
    this.#next = Math.max(this.#next, first + this.size);
    this.#places.forEach((place, index) => {
      let rest = first + index;
      for (let at = place + DIGITS - 1; at >= place; at--, rest = Math.floor(rest / 10))
        this.#bytes[at] = 0x30 + (rest % 10);
    });
    return makeBatch('metrics', [this.#bytes], this.size);
  }
}

const MARK = 'u'.repeat(DIGITS);
