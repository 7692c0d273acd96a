import type { ProcessorContext } from '../../core/component.ts';
import type { Count, MetricSpec } from '../../core/meter.ts';
import { SAMPLING_METRICS, SamplingBooks } from '../sampling/books.ts';
import { RatioWindow } from '../sampling/ratio-window.ts';
import { POLICIES, type HeadTally } from './judge.ts';
import type { Rule } from './rule.ts';

const SPANS: MetricSpec = {
  name: 'otelcol_processor_probabilistic_sampler_count_traces_sampled',
  help: 'Spans by what decided about them, and whether they were kept.',
  kind: 'counter',
  labels: ['processor', 'policy', 'sampled'],
};
const LOGS: MetricSpec = {
  name: 'otelcol_processor_probabilistic_sampler_count_logs_sampled',
  help: 'Log records by what decided about them, and whether they were kept.',
  kind: 'counter',
  labels: ['processor', 'policy', 'sampled'],
};
const IN_USE: MetricSpec = {
  name: 'remora_processor_probabilistic_sampler_in_use_items',
  help: 'Items that were sampled before, which hash_seed does not judge: fail_closed decides about them.',
  kind: 'counter',
  labels: ['processor', 'pipeline'],
};

export const HEAD_METRICS: readonly MetricSpec[] = [SPANS, LOGS, IN_USE, ...SAMPLING_METRICS];

/** What a probabilistic_sampler counts. */
export class HeadBooks {
  readonly #shared: SamplingBooks;
  readonly #window: RatioWindow;
  readonly #inUse: Count;
  readonly #policies: (Count | undefined)[] = [];
  readonly #countOf: (index: number) => Count;

  constructor(context: ProcessorContext, rule: Rule, fromAttribute: string) {
    const { id: processor, pipeline, signal, meter, clock } = context;
    const window = new RatioWindow(clock);
    this.#window = window;
    this.#shared = new SamplingBooks(context, () => [{ key: '', asked: rule.share, got: window.ratio }]);
    this.#inUse = meter.counter(IN_USE, { processor, pipeline });
    const spec = signal === 'logs' ? LOGS : SPANS;
    this.#countOf = (index) => {
      const name = POLICIES[index >> 1] ?? '';
      const policy = name === 'from_attribute' ? fromAttribute : name;
      return meter.counter(spec, { processor, policy, sampled: index % 2 === 1 ? 'true' : 'false' });
    };
  }

  book(tally: HeadTally): void {
    this.#shared.book(tally);
    this.#inUse.value += tally.inUse;
    let seen = 0;
    let kept = 0;
    tally.byPolicy.forEach((items, index) => {
      if (items === 0) return;
      (this.#policies[index] ??= this.#countOf(index)).value += items;
      seen += items;
      if (index % 2 === 1) kept += items;
    });
    if (seen > 0) this.#window.book(seen, kept);
  }
}
