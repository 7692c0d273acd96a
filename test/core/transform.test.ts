import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeBatch, type Batch } from '../../src/core/batch.ts';
import type { Consumer } from '../../src/core/component.ts';
import { RemoraError } from '../../src/core/errors.ts';
import { fanout } from '../../src/core/fanout.ts';
import { Account } from '../../src/core/ledger.ts';
import { freeBytes, offerBytes } from '../../src/core/reuse.ts';
import { transformer, type Transformed } from '../../src/core/transform.ts';
import { ACCEPTED, retry, type Verdict } from '../../src/core/verdict.ts';
import { VirtualClock } from '../../src/core/virtual-clock.ts';

const NEVER = new AbortController().signal;
const BUSY = retry(new RemoraError('upstream_unavailable', 'Busy.'));
const batchOf = (items: number): Batch => makeBatch('traces', [Buffer.alloc(8)], items);

/** The end of a branch. */
class End implements Consumer {
  readonly taken: Batch[] = [];
  readonly keeps: boolean | undefined;
  verdict: Verdict = ACCEPTED;

  constructor(keeps?: boolean) {
    this.keeps = keeps;
  }

  consume(batch: Batch): Promise<Verdict> {
    return Promise.resolve(this.#take(batch));
  }

  tryReserve(batch: Batch) {
    const commit = (): Verdict => this.#take(batch);
    return { status: 'reserved', keeps: this.keeps, commit, cancel: () => undefined } as const;
  }

  #take(batch: Batch): Verdict {
    if (this.verdict.status === 'accepted') this.taken.push(batch);
    return this.verdict;
  }
}

/** A fan-out whose first branch has a processor before its end. */
function setUp(end: Consumer, transform: (batch: Batch) => Transformed) {
  const account = new Account('processor', 'traces/filter', 'traces');
  const exporter = new End();
  const all = fanout([transformer({ next: end, account }, transform), exporter], {
    clock: new VirtualClock(),
    stopping: NEVER,
    onLost: () => assert.fail('Nothing is lost.'),
  });
  return { account, exporter, all };
}

describe('a processor that transforms, in a branch of a fan-out', () => {
  it('is transparent for who only looks at a batch: that has it once the others took it, and never twice', async () => {
    const observer = new End(false);
    const { account, exporter, all } = setUp(observer, (batch) => ({
      batch: makeBatch(batch.signal, batch.chunks, 2),
      dropped: { filtered: 1 },
    }));
    exporter.verdict = BUSY;
    assert.equal(await all.consume(batchOf(3), NEVER), BUSY);
    assert.deepEqual([observer.taken.length, account.droppedItems], [0, 0]);
    exporter.verdict = ACCEPTED;
    assert.deepEqual(await all.consume(batchOf(3), NEVER), ACCEPTED);
    assert.deepEqual([observer.taken.length, exporter.taken.length, account.droppedItems], [1, 1, 1]);
  });

  it('books what it drops of a batch of which nothing goes on once the others took it', async () => {
    const { account, exporter, all } = setUp(new End(), () => ({ batch: undefined, dropped: { filtered: 3 } }));
    exporter.verdict = BUSY;
    assert.equal(await all.consume(batchOf(3), NEVER), BUSY);
    assert.equal(account.droppedItems, 0);
    exporter.verdict = ACCEPTED;
    await all.consume(batchOf(3), NEVER);
    assert.equal(account.droppedItems, 3);
  });

  for (const [what, end, goesOn] of [
    ['of which a copy is looked at', new End(false), true],
    ['of which nothing goes on', new End(), false],
  ] as const) {
    it(`never gives back the bytes of a batch ${what}, because the other branch has them`, async () => {
      const { exporter, all } = setUp(end, () => ({ batch: goesOn ? batchOf(2) : undefined, copied: true }));
      const batch = batchOf(3);
      let isFreed = false;
      offerBytes(batch, () => (isFreed = true));
      await all.consume(batch, NEVER);
      assert.deepEqual([exporter.taken, isFreed], [[batch], false]);
      freeBytes(batch);
      assert.equal(isFreed, false);
    });
  }

  it('leaves the bytes to the only one who keeps them', async () => {
    const { exporter, all } = setUp(new End(false), (batch) => ({ batch, accepted: () => undefined }));
    const batch = batchOf(3);
    let isFreed = false;
    offerBytes(batch, () => (isFreed = true));
    await all.consume(batch, NEVER);
    freeBytes(exporter.taken[0] ?? assert.fail('It was taken.'));
    assert.equal(isFreed, true);
  });
});
