/** What one run of one subject (Remora or the bare baseline) did. */
export interface RunResult {
  readonly items: number;
  readonly cpuSeconds: number;
  readonly itemsPerCpuSecond: number;
  readonly peakRssBytes: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface RunOptions {
  /** The bundle or the source of Remora. */
  readonly main: string;
  readonly seconds: number;
  /** Size of the backlog that is read for its memory. */
  readonly backlogBytes: number;
  /** Only whether it still runs: nothing larger than that needs. */
  readonly smoke: boolean;
}

/** Remora against a baseline of the same run: items per CPU-second of both. */
export interface RatioScenario {
  readonly kind: 'ratio';
  readonly name: string;
  /** What one item is. */
  readonly unit: string;
  /** Least ratio to the baseline that Remora must reach, where one is promised. */
  readonly floor?: number;
  run(subject: 'remora' | 'bare', options: RunOptions): Promise<RunResult>;
}

/** One figure of Remora alone, which must not be above a ceiling in any round. */
export interface CeilingScenario {
  readonly kind: 'ceiling';
  readonly name: string;
  readonly unit: string;
  readonly ceiling: number;
  /** Skipped, with the reason, where the machine has no room for it. */
  run(
    options: RunOptions,
  ): Promise<{ readonly value: number; readonly detail?: string } | { readonly skipped: string }>;
}

export type Scenario = RatioScenario | CeilingScenario;

export function runResult(run: Omit<RunResult, 'itemsPerCpuSecond'>): RunResult {
  return { ...run, itemsPerCpuSecond: run.items / Math.max(run.cpuSeconds, 0.01) };
}
