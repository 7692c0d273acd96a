import type { z } from 'zod';
import { makeBatch } from '../../src/core/batch.ts';
import type { Exporter } from '../../src/core/component.ts';
import { Account } from '../../src/core/ledger.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { seededRandom } from '../../src/core/random.ts';
import { VirtualClock } from '../../src/core/virtual-clock.ts';
import { createSender, type Sender } from '../../src/service/exporting/sender.ts';
import { testContext } from '../support/context.ts';
import { sendingSettings, type sendingSchema } from '../support/sender.ts';
import { SimulatedUpstream } from '../support/simulated-upstream.ts';

/**
 * A fleet of senders, the real ones, each with the seed of its instance, over one upstream of finite capacity on virtual
 * time. All are started in the same instant.
 */
export interface FleetOptions {
  readonly instances: number;
  readonly settings: z.input<typeof sendingSchema>;
  /** What the upstream asks those for that it turns away. */
  readonly askedMs: number | undefined;
  readonly away: 'refuses' | 'hangs';
  /** The upstream never turns anybody away while it is up: its line grows, and it serves clients that have given up. */
  readonly endlessLine?: boolean;
}

/** Requests that one instance makes in a second. */
const PER_SECOND = 0.5;
/** How much more the upstream bears. */
const HEADROOM = 3;
const SERVICE_MS = 100;
const BIN_MS = 100;
const WARM_UP_MS = 30_000;
const OUTAGE_MS = 300_000;
const LIMIT_MS = 900_000;

export interface FleetReport {
  /** While the upstream is away, after the first half minute: attempts of the whole fleet. */
  readonly awayPerSecond: number;
  /** Of the busiest 100 ms in that time, and of all. */
  readonly awayPeak: number;
  readonly awayMean: number;
  /** The busiest 100 ms at the start of the outage, as a multiple of what the upstream takes in 100 ms. */
  readonly firstPeakOverCapacity: number;
  /** The busiest 100 ms once the upstream is back, as such a multiple. */
  readonly backPeakOverCapacity: number;
  /** After the return, until the backlog is gone: attempts that were turned away, for each one that was served. */
  readonly turnedAwayPerServed: number;
  /** Served although the client had given up, for each one that was served in time. */
  readonly wastedPerServed: number;
  /** The return until half of the capacity is used, over a second. */
  readonly halfBusyAfterMs: number;
  /** The worst 5 s of goodput between half busy and the end of the backlog, as a part of the capacity. */
  readonly worstGoodput: number;
  /** How long the backlog took, over how long it takes at full capacity from the first moment. */
  readonly overIdeal: number;
  /** Sum over all ledgers of what does not add up. */
  readonly imbalance: number;
  readonly lost: number;
}

interface Timeline {
  /** Attempts, and requests served in time, in bins of BIN_MS. */
  readonly attempts: number[];
  readonly served: number[];
}

export async function runFleet(options: FleetOptions): Promise<FleetReport> {
  const clock = new VirtualClock();
  const { instances, askedMs, away, endlessLine = false } = options;
  const load = instances * PER_SECOND;
  const workers = Math.round((load * HEADROOM * SERVICE_MS) / 1000);
  const maxWaiting = endlessLine ? Number.POSITIVE_INFINITY : workers * 10;
  const upstream = new SimulatedUpstream({ clock, workers, serviceMs: () => SERVICE_MS, maxWaiting });
  upstream.ask(askedMs);
  const timeline = watch(clock, upstream);
  const fleet = Array.from({ length: instances }, (_, at) => new Instance(at, clock, options, upstream, timeline));
  for (const one of fleet) await one.start();
  await clock.advance(WARM_UP_MS);
  upstream.mode = away;
  await clock.advance(OUTAGE_MS);
  upstream.mode = 'up';
  const backMs = clock.monotonic();
  const counts = { served: upstream.served, wasted: upstream.wasted };
  const backlog = fleet.reduce((sum, one) => sum + one.queued, 0);
  while (fleet.reduce((sum, one) => sum + one.queued, 0) > instances * 2 && clock.monotonic() < backMs + LIMIT_MS) {
    await clock.advance(500);
  }
  const endMs = clock.monotonic();
  const report = {
    ...whileAway(timeline, load * HEADROOM),
    ...afterReturn(timeline, { backMs, endMs, capacity: load * HEADROOM }),
    wastedPerServed: (upstream.wasted - counts.wasted) / Math.max(1, upstream.served - counts.served),
    overIdeal: (endMs - backMs) / ((1000 * backlog) / (load * (HEADROOM - 1))),
    imbalance: fleet.reduce((sum, { account }) => sum + Math.abs(account.imbalance), 0),
    lost: fleet.reduce((sum, { account }) => sum + [...account.dropped.values()].reduce((a, b) => a + b, 0), 0),
  };
  for (const one of fleet) await one.stop();
  return report;
}

const BATCH = makeBatch('logs', [new Uint8Array(10)], 1);
const CALLER = new AbortController().signal;

class Instance {
  readonly account = new Account('exporter', 'otlp', 'logs');
  readonly #sender: Sender;
  readonly #clock: VirtualClock;
  readonly #random;
  #isStopped = false;

  constructor(at: number, clock: VirtualClock, options: FleetOptions, upstream: SimulatedUpstream, timeline: Timeline) {
    this.#clock = clock;
    this.#random = seededRandom(`application ${at}`);
    const exporter: Exporter = upstream.client(() => count(timeline.served, clock));
    this.#sender = createSender({
      ...testContext({ clock, log: silentLogger, seed: `pod-${at}/exporter otlp (logs)` }),
      id: 'otlp',
      signal: 'logs',
      exporter,
      settings: sendingSettings(options.settings),
      account: this.account,
      reportHealth: () => undefined,
    });
  }

  get queued(): number {
    return this.#sender.queue?.requests ?? 0;
  }

  async start(): Promise<void> {
    await this.#sender.start();
    this.#clock.timer((1000 / PER_SECOND) * this.#random(), () => this.#offer());
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#sender.stop(AbortSignal.abort());
  }

  /** The application goes on, whatever the upstream does. */
  #offer(): void {
    if (this.#isStopped) return;
    this.account.received += 1;
    void this.#sender.consume(BATCH, CALLER).then(({ status }) => {
      if (status !== 'accepted') this.account.received -= 1;
    });
    this.#clock.timer(1000 / PER_SECOND, () => this.#offer());
  }
}

function watch(clock: VirtualClock, upstream: SimulatedUpstream): Timeline {
  const timeline: Timeline = { attempts: [], served: [] };
  upstream.onAttempt = () => count(timeline.attempts, clock);
  return timeline;
}

function count(bins: number[], clock: VirtualClock): void {
  const at = Math.floor(clock.monotonic() / BIN_MS);
  bins[at] = (bins[at] ?? 0) + 1;
}

function between(bins: readonly number[], fromMs: number, toMs: number): number[] {
  const first = Math.ceil(fromMs / BIN_MS);
  return Array.from({ length: Math.floor(toMs / BIN_MS) - first }, (_, index) => bins[first + index] ?? 0);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function whileAway({ attempts }: Timeline, capacity: number) {
  const steady = between(attempts, WARM_UP_MS + 30_000, WARM_UP_MS + OUTAGE_MS);
  const mean = sum(steady) / steady.length;
  const first = between(attempts, WARM_UP_MS, WARM_UP_MS + 30_000);
  return {
    awayPerSecond: mean * (1000 / BIN_MS),
    awayPeak: Math.max(...steady),
    awayMean: mean,
    firstPeakOverCapacity: Math.max(...first) / capacity / (BIN_MS / 1000),
  };
}

function afterReturn(
  { attempts, served }: Timeline,
  { backMs, endMs, capacity }: { backMs: number; endMs: number; capacity: number },
) {
  const tried = between(attempts, backMs, endMs);
  const good = between(served, backMs, endMs);
  const half = good.findIndex((_, at) => sum(good.slice(at, at + 10)) >= capacity / 2);
  let worstGoodput = Number.POSITIVE_INFINITY;
  // The last ones have a long tail of their own.
  for (let at = Math.max(0, half) + 10; at + 50 < good.length * 0.9; at += 10) {
    worstGoodput = Math.min(worstGoodput, sum(good.slice(at, at + 50)) / 5 / capacity);
  }
  return {
    backPeakOverCapacity: Math.max(...tried) / capacity / (BIN_MS / 1000),
    turnedAwayPerServed: (sum(tried) - sum(good)) / sum(good),
    halfBusyAfterMs: half * BIN_MS,
    worstGoodput: Number.isFinite(worstGoodput) ? worstGoodput : 0,
  };
}
