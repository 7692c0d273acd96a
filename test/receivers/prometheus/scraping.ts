import assert from 'node:assert/strict';
import type { Receiver } from '../../../src/core/component.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { prometheusReceiver } from '../../../src/receivers/prometheus/index.ts';
import { CollectingConsumer, openAdmission, receiverContext } from '../../support/context.ts';
import { until } from '../../support/until.ts';
import type { PageTarget } from './page-target.ts';
import { pointsOf, type Scraped } from './scraped.ts';

export const INTERVAL_MS = 10_000;

type Keys = Record<string, unknown>;

/** A receiver with one job on `target`, whose scrapes the test asks for one by one. */
export class Scraping implements AsyncDisposable {
  readonly clock = new VirtualClock();
  readonly consumer = new CollectingConsumer();
  readonly context;
  readonly receiver: Receiver;
  /** What the wall clock was set forward by, while time went on. */
  stepMs = 0;
  #offered = 0;

  private constructor(receiver: Receiver, context: ReturnType<typeof receiverContext>) {
    this.receiver = receiver;
    this.context = context;
  }

  static async on(
    target: Pick<PageTarget, 'address'>,
    job: Keys = {},
    own: Keys = {},
    admission = openAdmission(),
  ): Promise<Scraping> {
    const parsed = prometheusReceiver.parse({
      ...own,
      config: {
        scrape_configs: [
          { job_name: 'shop', scrape_interval: '10s', static_configs: [{ targets: [target.address] }], ...job },
        ],
      },
    });
    assert.ok(parsed.ok, JSON.stringify(!parsed.ok && parsed.issues));
    const clock = new VirtualClock();
    const consumer = new CollectingConsumer();
    const stepped = {
      now: () => clock.now() + scraping.stepMs,
      monotonic: () => clock.monotonic(),
      timer: (afterMs: number, fire: () => void) => clock.timer(afterMs, fire),
    };
    const counting = {
      consume: async (...call: Parameters<CollectingConsumer['consume']>) => {
        scraping.#offered += 1;
        return await consumer.consume(...call);
      },
    };
    const context = receiverContext({ metrics: counting }, { clock: stepped, id: 'prometheus', admission });
    const scraping: Scraping = new Scraping(await parsed.prepared.create(context), context);
    Object.assign(scraping, { clock, consumer });
    await scraping.receiver.start?.();
    return scraping;
  }

  /** What the pipeline took of the next scrape. */
  async scrape(): Promise<Scraped[]> {
    await this.offer();
    return pointsOf(this.consumer.batches.at(-1)!);
  }

  /** Lets the next scrape fall due and waits until its batch was offered. */
  async offer(): Promise<void> {
    const before = this.#offered;
    await this.clock.advance((this.clock.nextMs ?? 0) - this.clock.now());
    await until(() => this.#offered > before, 'a scrape is offered');
    await this.clock.advance(0);
  }

  value(name: string, labels: Record<string, string> = {}): number | undefined {
    return this.context.meter.value(name, { receiver: 'prometheus', job: 'shop', ...labels });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.receiver.stop?.(AbortSignal.abort());
    assert.equal(this.clock.pending, 0);
  }
}
