/** A deliberate change of what a component does. */
export interface Mutation {
  /** `<component>: <what goes wrong>`. */
  readonly name: string;
  readonly file: string;
  /** Text that is there once. */
  readonly from: string;
  readonly to: string;
  /** The replay that should notice; the others are asked when it does not. */
  readonly seenBy: string;
}

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'attributes: nothing is changed',
    file: 'src/processors/attributes.ts',
    from: 'const act = compileActions(settings.actions);',
    to: 'const act = () => undefined;',
    seenBy: 'services/',
  },
  {
    name: 'resource: nothing is changed',
    file: 'src/processors/resource.ts',
    from: 'compileActions(settings.attributes)',
    to: '() => undefined',
    seenBy: 'shop/sidecar',
  },
  {
    name: 'batch: waits twice as long',
    file: 'src/processors/batcher.ts',
    from: 'if (!this.#isFirst || flush_jitter === 0) return afterMs;',
    to: 'if (!this.#isFirst || flush_jitter === 0) return 2 * afterMs;',
    seenBy: 'services/',
  },
  {
    name: 'filter: keeps what matches, and drops the rest',
    file: 'src/processors/filter/condition.ts',
    from: 'value !== undefined && pattern.test(',
    to: 'value !== undefined && !pattern.test(',
    seenBy: 'nginx/',
  },
  {
    name: 'rate_limit: nothing is over the limit',
    file: 'src/processors/rate-limit/gate.ts',
    from: 'if (waitMs === 0) return',
    to: 'if (waitMs >= 0) return',
    seenBy: 'trace-flood/',
  },
  {
    name: 'probabilistic_sampler: keeps what it should drop',
    file: 'src/processors/probabilistic-sampler/judge.ts',
    from: 'return isKept(randomness, this.rule.threshold);',
    to: 'return !isKept(randomness, this.rule.threshold);',
    seenBy: 'shop/head-sampling',
  },
  {
    name: 'adaptive_sampler: quiet keys count as loud',
    file: 'src/processors/adaptive-sampler/water-level.ts',
    from: 'if (demand > level) above += 1;',
    to: 'if (demand >= 0) above += 1;',
    seenBy: 'trace-flood/',
  },
  {
    name: 'tail_sampling: keeps what it should drop',
    file: 'src/processors/tail-sampling/decider.ts',
    from: 'if (isKept) {',
    to: 'if (!isKept) {',
    seenBy: 'shop/tail-sampling',
  },
  {
    name: 'trace_based_sampler: a severity saves no log',
    file: 'src/processors/trace-based-sampler/sorter.ts',
    from: 'this.#logSeverity >= keepSeverity) {',
    to: 'this.#logSeverity > 100) {',
    seenBy: 'shop/tail-sampling',
  },
  {
    name: 'metrics_transform: values are scaled twice as much',
    file: 'src/processors/metrics-transform/value-change.ts',
    from: '(isHistogram && change < 0) ? undefined : change;',
    to: '(isHistogram && change < 0) ? undefined : change * 2;',
    seenBy: 'scrapes/',
  },
  {
    name: 'cumulativetodelta: a delta begins when its stream did',
    file: 'src/processors/cumulative-to-delta/deltas.ts',
    from: 'point.startTime.copy(held.time);',
    to: '',
    seenBy: 'shop/temporality',
  },
  {
    name: 'deltatocumulative: totals are not added up',
    file: 'src/processors/delta-to-cumulative/totals.ts',
    from: 'if (!pair.add()) {',
    to: 'if (pair.add()) {',
    seenBy: 'temporality',
  },
  {
    name: 'cardinality_limit: what is over the limit is lost',
    file: 'src/processors/cardinality-limit/limiter.ts',
    from: 'else if (!this.#merge(place, at, slot, isOverflow)) this.#lost += 1;',
    to: 'else this.#lost += 1;',
    seenBy: 'cardinality/',
  },
  {
    name: 'span_metrics: durations count twice',
    file: 'src/connectors/span-metrics/explicit-buckets.ts',
    from: 'this.#sum += value * weight;',
    to: 'this.#sum += 2 * value * weight;',
    seenBy: 'shop/span-metrics',
  },
];
