import type { ProcessorContext } from '../../core/component.ts';
import type { Count, Distribution, Labels, Meter, MetricSpec } from '../../core/meter.ts';
import type { Policies, PolicyDecision } from './policy.ts';

const AT = ['processor', 'pipeline'];

/** The Collector's name and help. */
function collector(kind: 'counter' | 'gauge', name: string, help: string, labels: readonly string[] = []): MetricSpec {
  return { kind, name: `otelcol_processor_tail_sampling_${name}`, help, labels: [...AT, ...labels] };
}

function ours(kind: 'counter' | 'gauge', name: string, help: string, labels: readonly string[] = []): MetricSpec {
  return { kind, name: `remora_tail_sampling_${name}`, help, labels: [...AT, ...labels] };
}

function histogram(name: string, help: string, buckets: readonly number[]): MetricSpec {
  return { kind: 'histogram', name: `otelcol_processor_tail_sampling_${name}`, help, labels: AT, buckets };
}

const BY_POLICY = ['policy', 'sampled', 'decision'];
const POLICY_TRACES = collector(
  'counter',
  'count_traces_sampled',
  'Traces that each policy would sample or not.',
  BY_POLICY,
);
const POLICY_SPANS = collector(
  'counter',
  'count_spans_sampled',
  'Spans of the traces that each policy would sample or not.',
  BY_POLICY,
);
const DECIDED = collector('counter', 'global_count_traces_sampled', 'Traces that were sampled or not.', [
  'sampled',
  'decision',
]);
const NEW_TRACES = collector('counter', 'new_trace_id_received', 'Traces of which a first span came.');
const EARLY = collector(
  'counter',
  'sampling_trace_dropped_too_early',
  'Traces that made room before decision_wait was over: decided with what was there of them.',
);
const TOO_LARGE = collector(
  'counter',
  'traces_dropped_too_large',
  'Traces dropped because they were larger than maximum_trace_size_bytes.',
);
const FAILED = collector(
  'counter',
  'sampling_policy_evaluation_error',
  'Conditions of policies that could not read a span; they count as not met.',
);
const LATE = collector(
  'counter',
  'early_releases_from_cache_decision',
  'Late spans that followed the decision about their trace.',
  ['sampled'],
);
const ON_MEMORY = collector('gauge', 'sampling_traces_on_memory', 'Traces in memory that are not decided yet.');
const LATENCY = histogram(
  'sampling_decision_latency',
  'Microseconds that the policies took to decide about a trace.',
  [1, 2, 5, 10, 25, 50, 75, 100, 150, 200, 300, 400, 500, 750, 1000, 2000, 3000, 4000, 5000, 10_000, 20_000, 50_000],
);
const TURN_LATENCY = histogram(
  'sampling_decision_timer_latency',
  'Milliseconds of each turn of decisions.',
  [1, 2, 5, 10, 25, 50, 75, 100, 150, 200, 300, 400, 500, 750, 1000, 2000, 3000, 4000, 5000, 10_000, 20_000, 50_000],
);
const AGES_S = [1, 2, 5, 10, 20, 30, 40, 50, 60, 90, 120, 180, 300, 600, 1200, 1800, 3600, 7200];
const REMOVAL_AGE = histogram(
  'sampling_trace_removal_age',
  'Seconds from the first span of a trace to its decision.',
  AGES_S,
);
const LATE_AGE = histogram('sampling_late_span_age', 'Seconds from a decision to a late span of its trace.', AGES_S);

const DECIDED_EARLY = ours('counter', 'decided_early', 'Traces decided before their wait was over, by cause.', [
  'cause',
]);
const WITHOUT_ID = ours(
  'counter',
  'spans_without_id',
  'Spans whose trace id is absent, all zero or not of 16 bytes; they are decided together.',
);
const TRACES = ours('gauge', 'traces', 'Traces that are not decided yet.');
const SPANS = ours('gauge', 'buffered_spans', 'Spans of traces that are not decided yet.');
const SPAN_BYTES = ours('gauge', 'buffered_bytes', 'Bytes on the wire of these spans.');
const OUTBOX_SPANS = ours('gauge', 'outbox_spans', 'Spans to be kept that the next component has not taken yet.');
const MEMORY = ours(
  'gauge',
  'memory_bytes',
  'Memory of the buffer, with what stays free in it for what comes: not 0 when no trace is there; see max_bytes.',
);
const MEMORY_LIMIT = ours('gauge', 'memory_limit_bytes', 'What max_bytes allows.');
const DECISIONS = ours('gauge', 'cached_decisions', 'Decided traces that are remembered.', ['sampled']);

export const TAIL_METRICS: readonly MetricSpec[] = [
  ...[POLICY_TRACES, POLICY_SPANS, DECIDED, NEW_TRACES, EARLY, TOO_LARGE, FAILED, LATE, ON_MEMORY],
  ...[LATENCY, TURN_LATENCY, REMOVAL_AGE, LATE_AGE],
  ...[DECIDED_EARLY, WITHOUT_ID, TRACES, SPANS, SPAN_BYTES, OUTBOX_SPANS, MEMORY, MEMORY_LIMIT, DECISIONS],
];

/** Why a trace was decided before its wait was over. */
export type EarlyCause = 'num_traces' | 'max_bytes' | 'shutdown';
type Outcome = PolicyDecision['outcome'];
const OUTCOMES: readonly Outcome[] = ['sampled', 'not_sampled', 'dropped'];

/** What is read when somebody looks. */
export interface TailState {
  readonly traces: number;
  readonly spans: number;
  readonly spanBytes: number;
  readonly outboxSpans: number;
  readonly memoryBytes: number;
  readonly limitBytes: number;
  readonly keptDecisions: number;
  readonly droppedDecisions: number;
}

export class TailCounts {
  readonly newTraces: Count;
  readonly tooLarge: Count;
  readonly failed: Count;
  readonly withoutId: Count;
  readonly decided: Readonly<Record<Outcome, Count>>;
  readonly lateKept: Count;
  readonly lateDropped: Count;
  readonly latencyUs: Distribution;
  readonly turnMs: Distribution;
  readonly removalAgeS: Distribution;
  readonly lateAgeS: Distribution;
  readonly #early: Count;
  readonly #decidedEarly: Readonly<Record<EarlyCause, Count>>;

  constructor({ meter, id: processor, pipeline }: Pick<ProcessorContext, 'meter' | 'id' | 'pipeline'>) {
    const at = { processor, pipeline };
    this.newTraces = meter.counter(NEW_TRACES, at);
    this.tooLarge = meter.counter(TOO_LARGE, at);
    this.failed = meter.counter(FAILED, at);
    this.withoutId = meter.counter(WITHOUT_ID, at);
    const decided = (outcome: Outcome): Count => meter.counter(DECIDED, { ...at, ...outcomeLabels(outcome) });
    this.decided = {
      sampled: decided('sampled'),
      not_sampled: decided('not_sampled'),
      dropped: decided('dropped'),
    };
    this.lateKept = meter.counter(LATE, { ...at, sampled: 'true' });
    this.lateDropped = meter.counter(LATE, { ...at, sampled: 'false' });
    this.latencyUs = meter.histogram(LATENCY, at);
    this.turnMs = meter.histogram(TURN_LATENCY, at);
    this.removalAgeS = meter.histogram(REMOVAL_AGE, at);
    this.lateAgeS = meter.histogram(LATE_AGE, at);
    this.#early = meter.counter(EARLY, at);
    const early = (cause: EarlyCause): Count => meter.counter(DECIDED_EARLY, { ...at, cause });
    this.#decidedEarly = {
      num_traces: early('num_traces'),
      max_bytes: early('max_bytes'),
      shutdown: early('shutdown'),
    };
  }

  decidedEarly(cause: EarlyCause): void {
    this.#decidedEarly[cause].value += 1;
    // The Collector's figure is about room, not about the end of the process.
    if (cause !== 'shutdown') this.#early.value += 1;
  }
}

export function meterState(
  { meter, id: processor, pipeline }: Pick<ProcessorContext, 'meter' | 'id' | 'pipeline'>,
  state: TailState,
): void {
  const at = { processor, pipeline };
  meter.gauge(ON_MEMORY, at, () => state.traces);
  meter.gauge(TRACES, at, () => state.traces);
  meter.gauge(SPANS, at, () => state.spans);
  meter.gauge(SPAN_BYTES, at, () => state.spanBytes);
  meter.gauge(OUTBOX_SPANS, at, () => state.outboxSpans);
  meter.gauge(MEMORY, at, () => state.memoryBytes);
  meter.gauge(MEMORY_LIMIT, at, () => state.limitBytes);
  meter.gauge(DECISIONS, { ...at, sampled: 'true' }, () => state.keptDecisions);
  meter.gauge(DECISIONS, { ...at, sampled: 'false' }, () => state.droppedDecisions);
}

export function meterPolicies(
  { meter, id: processor, pipeline }: Pick<ProcessorContext, 'meter' | 'id' | 'pipeline'>,
  { tallies }: Policies,
): void {
  for (const tally of tallies) {
    for (const outcome of OUTCOMES) {
      const labels = { processor, pipeline, policy: tally.policy, ...outcomeLabels(outcome) };
      countFrom(meter, POLICY_TRACES, labels, () => tally.traces[outcome]);
      countFrom(meter, POLICY_SPANS, labels, () => tally.spans[outcome]);
    }
  }
}

function countFrom(meter: Meter, spec: MetricSpec, labels: Labels, read: () => number): void {
  meter.counterFrom(spec, labels, read);
}

function outcomeLabels(outcome: Outcome): Labels {
  return { sampled: outcome === 'sampled' ? 'true' : 'false', decision: outcome };
}
