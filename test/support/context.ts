import type { Batch } from '../../src/core/batch.ts';
import { systemClock, type Clock } from '../../src/core/clock.ts';
import type { Admission, ComponentContext, Consumer, Host, ReceiverContext } from '../../src/core/component.ts';
import { Account } from '../../src/core/ledger.ts';
import { DecisionBook } from '../../src/core/trace-decisions.ts';
import { silentLogger, type Logger } from '../../src/core/logger.ts';
import type { Count, Labels, Meter, MetricSpec } from '../../src/core/meter.ts';
import type { Outside } from '../../src/core/outside.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { Signal } from '../../src/core/signal.ts';
import type { StorageClient } from '../../src/core/storage.ts';
import { ByteAdmission } from '../../src/net/admission.ts';
import { ACCEPTED, type Verdict } from '../../src/core/verdict.ts';
import { nodeFileSystem } from '../../src/storage/node-file-system.ts';
import { AdminBook } from '../../src/service/admin-book.ts';

/** A meter that tests can read: `value('name', {label: 'x'})`. */
export class TestMeter implements Meter {
  readonly #series = new Map<string, () => number>();
  readonly #counts = new Map<string, Count>();
  readonly #made = new Map<string, () => Iterable<readonly [Labels, number]>>();

  counter(spec: MetricSpec, labels: Labels): Count {
    const key = keyOf(spec.name, labels);
    let count = this.#counts.get(key);
    if (count === undefined) {
      const made = { value: 0 };
      count = made;
      this.#counts.set(key, made);
      this.#series.set(key, () => made.value);
    }
    return count;
  }

  counterFrom(spec: MetricSpec, labels: Labels, read: () => number): void {
    this.#series.set(keyOf(spec.name, labels), read);
  }

  gauge(spec: MetricSpec, labels: Labels, read: (() => number) | undefined): void {
    if (read === undefined) this.#series.delete(keyOf(spec.name, labels));
    else this.#series.set(keyOf(spec.name, labels), read);
  }

  gaugeSeries(spec: MetricSpec, labels: Labels, read: () => Iterable<readonly [Labels, number]>): void {
    this.#made.set(keyOf(spec.name, labels), read);
  }

  histogram(): { observe(value: number): void } {
    return { observe: () => undefined };
  }

  value(name: string, labels: Labels = {}): number | undefined {
    return this.#series.get(keyOf(name, labels))?.();
  }

  /** The series of `name` that are made up when they are read. */
  made(name: string): (readonly [Labels, number])[] {
    return [...this.#made].flatMap(([key, read]) => (key.startsWith(`${name}{`) ? [...read()] : []));
  }

  /** Sum over every series of `name`. */
  total(name: string): number {
    let total = 0;
    for (const [key, read] of this.#series) if (key.startsWith(`${name}{`)) total += read();
    for (const [, value] of this.made(name)) total += value;
    return total;
  }
}

function keyOf(name: string, labels: Labels): string {
  return `${name}{${Object.keys(labels)
    .sort()
    .map((label) => `${label}=${labels[label] ?? ''}`)
    .join(',')}}`;
}

export interface TestContextOptions {
  readonly outside?: Outside;
  readonly clock?: Clock;
  readonly id?: string;
  readonly log?: Logger;
  readonly seed?: string;
  readonly admin?: AdminBook;
  readonly storage?: (extensionId: string, name: string) => StorageClient;
}

export interface TestContext extends ComponentContext {
  readonly meter: TestMeter;
  readonly health: Map<string, string | undefined>;
}

export function testContext(options: TestContextOptions = {}): TestContext {
  const health = new Map<string, string | undefined>();
  return {
    id: options.id ?? 'test',
    clock: options.clock ?? systemClock,
    random: seededRandom(options.seed ?? 'test'),
    log: options.log ?? silentLogger,
    meter: new TestMeter(),
    instanceId: 'test-instance',
    admin: options.admin ?? new AdminBook(),
    storage:
      options.storage ??
      (() => {
        throw new Error('This test gave no storage.');
      }),
    reportHealth: (signal, reason) => void health.set(signal, reason),
    outside: options.outside ?? { files: nodeFileSystem },
    health,
  };
}

export function receiverContext(
  next: Readonly<Partial<Record<Signal, Consumer>>>,
  options: TestContextOptions & { admission?: Admission } = {},
): TestContext & ReceiverContext {
  return { ...testContext(options), next, admission: options.admission ?? openAdmission() };
}

export function processorContext(signal: Signal, next: Consumer, options: TestContextOptions = {}) {
  return {
    ...testContext(options),
    signal,
    next,
    pipeline: signal,
    decisions: new DecisionBook(),
    account: new Account('processor', options.id ?? 'test', signal),
  };
}

export interface TestHost extends Host {
  readonly notices: (string | undefined)[];
  readonly admin: AdminBook;
}

/** The service as an extension sees it: running, and well. */
export function testHost(): TestHost {
  const notices: (string | undefined)[] = [];
  return {
    health: () => ({ phase: 'running', notices: [], pipelines: [] }),
    notice: (text) => void notices.push(text),
    admin: new AdminBook(),
    notices,
  };
}

/** Admission without a bound, which still counts; a request costs nothing besides its body. */
export function openAdmission(limitBytes = Number.MAX_SAFE_INTEGER): Admission {
  return new ByteAdmission(limitBytes, 0);
}

/** Keeps what it is given; `answer` decides the verdict of each batch. */
export class CollectingConsumer implements Consumer {
  readonly batches: Batch[] = [];
  answer: (batch: Batch, abort: AbortSignal) => Verdict | Promise<Verdict> = () => ACCEPTED;

  async consume(batch: Batch, abort: AbortSignal): Promise<Verdict> {
    const verdict = await this.answer(batch, abort);
    if (verdict.status === 'accepted') this.batches.push(batch);
    return verdict;
  }

  get items(): number {
    return this.batches.reduce((total, batch) => total + batch.items, 0);
  }
}
