import { setTimeout as pause } from 'node:timers/promises';

/** What the sidecar says of its sampling once everything is decided. */
export interface SampledFigures {
  /** Traces that each policy wanted to keep. */
  readonly wanted: ReadonlyMap<string, number>;
  readonly kept: number;
  readonly dropped: number;
  readonly orphans: number;
}

const DECIDED = 'otelcol_processor_tail_sampling_global_count_traces_sampled';
const BY_POLICY = 'otelcol_processor_tail_sampling_count_traces_sampled';
const PENDING = ['otelcol_processor_tail_sampling_sampling_traces_on_memory', 'remora_coherence_held_items'];
const ORPHANS = 'remora_coherence_orphan_items';

const LOOK_MS = 100;
/** So often in a row nothing is pending before it is believed: log lines may be read yet. */
const QUIET_LOOKS = 5;
const MAX_LOOKS = 150;

/** Waits until no trace and no log waits for a decision any more. */
export async function settled(port: number): Promise<SampledFigures> {
  let page = new Page('');
  for (let looks = 0, quiet = 0; looks < MAX_LOOKS && quiet < QUIET_LOOKS; looks++) {
    await pause(LOOK_MS);
    page = new Page(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text());
    quiet = PENDING.every((name) => page.sum(name) === 0) ? quiet + 1 : 0;
  }
  return {
    wanted: page.byLabel(BY_POLICY, 'policy', 'sampled="true"'),
    kept: page.sum(DECIDED, 'sampled="true"'),
    dropped: page.sum(DECIDED, 'sampled="false"'),
    orphans: page.sum(ORPHANS),
  };
}

class Page {
  readonly #lines: readonly string[];

  constructor(text: string) {
    this.#lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  }

  sum(name: string, label = ''): number {
    return this.#of(name, label).reduce((sum, line) => sum + valueOf(line), 0);
  }

  byLabel(name: string, key: string, label: string): Map<string, number> {
    const found = new Map<string, number>();
    for (const line of this.#of(name, label)) {
      const value = new RegExp(`[{,]${key}="([^"]*)"`).exec(line)?.[1] ?? '';
      found.set(value, (found.get(value) ?? 0) + valueOf(line));
    }
    return found;
  }

  /** Counters end in _total on the page. */
  #of(name: string, label: string): string[] {
    return this.#lines.filter(
      (line) => (line.startsWith(`${name}{`) || line.startsWith(`${name}_total{`)) && line.includes(label),
    );
  }
}

function valueOf(line: string): number {
  return Number(line.slice(line.lastIndexOf(' ') + 1));
}
