import type { Clock } from '../../core/clock.ts';
import type { ProcessorContext } from '../../core/component.ts';
import type { Count, MetricSpec } from '../../core/meter.ts';
import { PRIORITY } from './flows.ts';
import { OTHER, type KeyTable } from './key-table.ts';
import type { Tally } from './tally.ts';

const LABELS = ['processor', 'pipeline', 'signal'] as const;

const TARGET: MetricSpec = {
  name: 'remora_adaptive_sampler_target_rate',
  help: 'What is to be kept each second, in items or bytes.',
  kind: 'gauge',
  labels: [...LABELS, 'unit'],
};
const KEPT: MetricSpec = {
  name: 'remora_adaptive_sampler_kept_rate',
  help: 'What was kept each second, in the unit of the target and averaged over the window.',
  kind: 'gauge',
  labels: [...LABELS, 'unit'],
};
const KEYS: MetricSpec = {
  name: 'remora_adaptive_sampler_keys',
  help: 'Keys that are told apart, without _other.',
  kind: 'gauge',
  labels: LABELS,
};
const OTHER_ITEMS: MetricSpec = {
  name: 'remora_adaptive_sampler_other_items',
  help: 'Items whose key was _other because max_keys was reached.',
  kind: 'counter',
  labels: LABELS,
};
const PRIORITY_ITEMS: MetricSpec = {
  name: 'remora_adaptive_sampler_priority_items',
  help: 'Errors and slow spans by outcome: kept, or thinned because they were more than their share of the target.',
  kind: 'counter',
  labels: [...LABELS, 'outcome'],
};

export const ADAPTIVE_METRICS: readonly MetricSpec[] = [TARGET, KEPT, KEYS, OTHER_ITEMS, PRIORITY_ITEMS];

export interface SamplerMetricsOptions {
  readonly context: Pick<ProcessorContext, 'id' | 'pipeline' | 'signal' | 'meter' | 'clock'>;
  readonly keys: KeyTable;
  readonly perSecond: number;
  readonly unit: 'items' | 'bytes';
  readonly windowMs: number;
}

/** What this sampler counts besides what all do. */
export class SamplerMetrics {
  readonly #kept: FadingRate;
  readonly #other: Count;
  readonly #priorityKept: Count;
  readonly #priorityThinned: Count;

  constructor({ context, keys, perSecond, unit, windowMs }: SamplerMetricsOptions) {
    const { id: processor, pipeline, signal, meter, clock } = context;
    const labels = { processor, pipeline, signal };
    this.#kept = new FadingRate(clock, windowMs);
    meter.gauge(TARGET, { ...labels, unit }, () => perSecond);
    meter.gauge(KEPT, { ...labels, unit }, () => this.#kept.perSecond);
    meter.gauge(KEYS, labels, () => keys.inUse);
    this.#other = meter.counter(OTHER_ITEMS, labels);
    this.#priorityKept = meter.counter(PRIORITY_ITEMS, { ...labels, outcome: 'kept' });
    this.#priorityThinned = meter.counter(PRIORITY_ITEMS, { ...labels, outcome: 'thinned' });
  }

  book({ flows, items, kept, keptAmount }: Tally): void {
    this.#kept.add(keptAmount);
    for (let place = 0; place < flows.length; place++) {
      const flow = flows[place] ?? 0;
      const [came, stayed] = [items[place] ?? 0, kept[place] ?? 0];
      if (flow >> 1 === OTHER) this.#other.value += came;
      if ((flow & 1) !== PRIORITY) continue;
      this.#priorityKept.value += stayed;
      this.#priorityThinned.value += came - stayed;
    }
  }
}

/** An average over a window whose weights decay exponentially. */
class FadingRate {
  readonly #clock: Clock;
  readonly #windowMs: number;
  #value = 0;
  #atMs: number;

  constructor(clock: Clock, windowMs: number) {
    this.#clock = clock;
    this.#windowMs = windowMs;
    this.#atMs = clock.monotonic();
  }

  get perSecond(): number {
    return this.#value * Math.exp((this.#atMs - this.#clock.monotonic()) / this.#windowMs);
  }

  add(amount: number): void {
    this.#value = this.perSecond + amount / (this.#windowMs / 1000);
    this.#atMs = this.#clock.monotonic();
  }
}
