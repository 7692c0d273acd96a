import type { Count, Distribution, Meter, MetricSpec } from '../../core/meter.ts';
import type { HeldLogs } from './held-logs.ts';
import type { Orphans } from './orphans.ts';

const LABELS = ['processor', 'pipeline'];

const LOGS: MetricSpec = {
  name: 'remora_coherence_items',
  help: 'Logs by what became of them and why: trace is the decision of their trace; wait, full and shutdown ended the wait for it.',
  kind: 'counter',
  labels: [...LABELS, 'outcome', 'reason'],
};
const WAITED: MetricSpec = {
  name: 'remora_coherence_waited_items',
  help: 'Logs that were held until their trace was decided, or no longer.',
  kind: 'counter',
  labels: LABELS,
};
const WAIT_SECONDS: MetricSpec = {
  name: 'remora_coherence_wait_seconds',
  help: 'How long logs were held.',
  kind: 'histogram',
  labels: LABELS,
  buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 45, 60, 120, 300],
};
const HELD: MetricSpec = {
  name: 'remora_coherence_held_items',
  help: 'Logs that are held now.',
  kind: 'gauge',
  labels: LABELS,
};
const HELD_BYTES: MetricSpec = {
  name: 'remora_coherence_held_bytes',
  help: 'Memory of the logs that are held now, with what stays free in it for what comes: not 0 when none is held; see max_bytes.',
  kind: 'gauge',
  labels: LABELS,
};
const ORPHANS: MetricSpec = {
  name: 'remora_coherence_orphan_items',
  help: 'Logs that were kept before their trace was dropped, and logs that were dropped before it was kept.',
  kind: 'counter',
  labels: [...LABELS, 'outcome'],
};
const ORPHAN_RATIO: MetricSpec = {
  name: 'remora_coherence_orphan_ratio',
  help: 'Orphans as a part of all logs that were kept or dropped for their trace, since the start.',
  kind: 'gauge',
  labels: LABELS,
};

export const COHERENCE_METRICS = [LOGS, WAITED, WAIT_SECONDS, HELD, HELD_BYTES, ORPHANS, ORPHAN_RATIO];

/** Why a log was kept or dropped. */
export type Reason = 'trace' | 'severity' | 'without_trace' | 'wait' | 'full' | 'shutdown';

export class CoherenceMetrics {
  readonly waited: Count;
  readonly waitSeconds: Distribution;
  readonly #meter: Meter;
  readonly #labels: { readonly processor: string; readonly pipeline: string };
  readonly #counts = new Map<string, Count>();

  constructor(meter: Meter, labels: { processor: string; pipeline: string }) {
    this.#meter = meter;
    this.#labels = labels;
    this.waited = meter.counter(WAITED, labels);
    this.waitSeconds = meter.histogram(WAIT_SECONDS, labels);
  }

  watch(held: HeldLogs, orphans: Orphans): void {
    const [meter, labels] = [this.#meter, this.#labels];
    meter.gauge(HELD, labels, () => held.items);
    meter.gauge(HELD_BYTES, labels, () => held.bytes);
    meter.counterFrom(ORPHANS, { ...labels, outcome: 'kept' }, () => orphans.kept);
    meter.counterFrom(ORPHANS, { ...labels, outcome: 'dropped' }, () => orphans.dropped);
    meter.gauge(ORPHAN_RATIO, labels, () => orphans.share);
  }

  count(kept: boolean, reason: Reason, logs: number): void {
    if (logs === 0) return;
    const outcome = kept ? 'kept' : 'dropped';
    const key = `${outcome} ${reason}`;
    let count = this.#counts.get(key);
    if (count === undefined) {
      count = this.#meter.counter(LOGS, { ...this.#labels, outcome, reason });
      this.#counts.set(key, count);
    }
    count.value += logs;
  }
}
