import assert from 'node:assert/strict';
import type { Batch } from '../../../src/core/batch.ts';
import type { Processor, ProcessorDefinition } from '../../../src/core/component.ts';
import type { Verdict } from '../../../src/core/verdict.ts';
import { VirtualClock } from '../../../src/core/virtual-clock.ts';
import { CollectingConsumer, processorContext } from '../../support/context.ts';
import { pointsOf, shortly, type FoundPoint } from './metric-batches.ts';

const NEVER = new AbortController().signal;

/** One processor in front of what keeps all it is given. Its clock starts at 1,000 s. */
export class Rig {
  readonly clock = new VirtualClock(1_000_000);
  readonly next: CollectingConsumer;
  readonly context: ReturnType<typeof processorContext>;
  readonly processor: Processor;

  private constructor(definition: ProcessorDefinition, config: object, next: CollectingConsumer) {
    this.next = next;
    this.context = processorContext('metrics', next, { clock: this.clock });
    const parsed = definition.parse(config);
    assert.ok(parsed.ok, JSON.stringify(parsed));
    const made = parsed.prepared.create(this.context);
    assert.ok(!(made instanceof Promise));
    this.processor = made;
  }

  static of(definition: ProcessorDefinition, config: object = {}, next = new CollectingConsumer()): Rig {
    return new Rig(definition, config, next);
  }

  /** Offers a batch, and books it as the edges around would. */
  async offer(batch: Batch): Promise<Verdict> {
    const before = this.next.items;
    const verdict = await this.processor.consume(batch, NEVER);
    if (verdict.status === 'accepted') {
      this.context.account.received += batch.items;
      this.context.account.passed += this.next.items - before;
    }
    assert.equal(this.context.account.imbalance, 0);
    return verdict;
  }

  async mustTake(...batches: readonly Batch[]): Promise<void> {
    for (const batch of batches) assert.equal((await this.offer(batch)).status, 'accepted');
  }

  get points(): FoundPoint[] {
    return pointsOf(this.next.batches);
  }

  /** Start, time and value of all number points that went on. */
  get numbers(): [number, number, number][] {
    return this.points.map(shortly);
  }

  get dropped(): Record<string, number> {
    return Object.fromEntries(this.context.account.dropped);
  }
}
