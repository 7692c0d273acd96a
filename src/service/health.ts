import type { HealthReport } from '../core/component.ts';
import type { Signal } from '../core/signal.ts';

export type Phase = HealthReport['phase'];

interface PipelineParts {
  readonly id: string;
  readonly signal: Signal;
  readonly components: readonly string[];
}

/** Why each component is unwell, what that means for the pipelines it belongs to, and what else there is to know. */
export class HealthBook {
  phase: Phase = 'starting';
  readonly #pipelines: readonly PipelineParts[];
  readonly #notices = new Map<string, string>();
  readonly #reasons = new Map<string, { component: string; signal: Signal | 'all'; reason: string }>();

  constructor(pipelines: readonly PipelineParts[]) {
    this.#pipelines = pipelines;
  }

  /**
   * `component` is its kind and id, such as `exporter otlp/backend`; an undefined reason means it is well again. `by` tells
   * apart those who have something to say about one component.
   */
  report(component: string, signal: Signal | 'all', reason: string | undefined, by = ''): void {
    const key = `${component}\n${signal}\n${by}`;
    if (reason === undefined) this.#reasons.delete(key);
    else this.#reasons.set(key, { component, signal, reason });
  }

  /** What is unusual at `from` without being unwell; undefined takes it back. */
  notice(from: string, text: string | undefined): void {
    if (text === undefined) this.#notices.delete(from);
    else this.#notices.set(from, text);
  }

  read(): HealthReport {
    return {
      phase: this.phase,
      notices: [...this.#notices.values()],
      pipelines: this.#pipelines.map((pipeline) => {
        const reasons = this.#reasonsOf(pipeline);
        return { id: pipeline.id, healthy: reasons.length === 0, reasons };
      }),
    };
  }

  #reasonsOf({ signal, components }: PipelineParts): string[] {
    const reasons: string[] = [];
    for (const entry of this.#reasons.values()) {
      const concerns = entry.signal === 'all' || entry.signal === signal;
      if (concerns && components.includes(entry.component)) reasons.push(`${entry.component}: ${entry.reason}`);
    }
    return reasons;
  }
}
