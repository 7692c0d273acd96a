import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Consumer, Reservation } from '../../src/core/component.ts';
import { RemoraError } from '../../src/core/errors.ts';
import { fanout } from '../../src/core/fanout.ts';
import { freeBytes, offerBytes } from '../../src/core/reuse.ts';
import { ACCEPTED, acceptedPartly, rejected, retry, type Verdict } from '../../src/core/verdict.ts';
import { VirtualClock } from '../../src/core/virtual-clock.ts';
import { opaqueBatch } from '../support/batches.ts';

const BUSY = retry(new RemoraError('upstream_unavailable', 'Busy.'));
const REFUSED = rejected(new RemoraError('upstream_rejected', 'Refused.'));

/** Answers in the order given, then accepts; cannot reserve. */
class Branch implements Consumer {
  offers = 0;
  readonly answers: (Verdict | Promise<Verdict>)[];

  constructor(...answers: (Verdict | Promise<Verdict>)[]) {
    this.answers = answers;
  }

  async consume(): Promise<Verdict> {
    return this.next();
  }

  protected next(): Verdict | Promise<Verdict> {
    this.offers += 1;
    return this.answers.shift() ?? ACCEPTED;
  }
}

/** Reserves as told; its commits answer as a Branch. */
class ReservingBranch extends Branch {
  /** Commits answer later. */
  isLate = true;
  keeps: boolean | undefined;
  cancelled = 0;
  committed = 0;
  refusals: Reservation[] = [];

  tryReserve(): Reservation {
    const refusal = this.refusals.shift();
    if (refusal !== undefined) return refusal;
    return {
      status: 'reserved',
      keeps: this.keeps,
      commit: () => {
        this.committed += 1;
        return this.isLate ? this.consume() : this.next();
      },
      cancel: () => void (this.cancelled += 1),
    };
  }
}

function setUp(...branches: Consumer[]) {
  const clock = new VirtualClock();
  const stopping = new AbortController();
  const lost: string[] = [];
  const all = fanout(branches, {
    clock,
    stopping: stopping.signal,
    onLost: (branch, batch, reason) => lost.push(`${branch} ${batch.items} ${reason}`),
  });
  const caller = new AbortController();
  return { clock, stopping, lost, all, caller, batch: opaqueBatch(3) };
}

/** Whether a promise has settled by now. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  const open = Symbol('open');
  await new Promise((resolve) => setImmediate(resolve));
  return (await Promise.race([promise, Promise.resolve(open)])) !== open;
}

describe('fan-out over branches that cannot reserve', () => {
  it('is the branch itself when there is one, and refuses to be empty', () => {
    const branch = new Branch();
    assert.equal(setUp(branch).all, branch);
    assert.throws(() => setUp(), RangeError);
  });

  it('gives every branch the batch once', async () => {
    const branches = [new Branch(), new Branch(), new Branch()];
    const { all, batch, caller, lost } = setUp(...branches);
    assert.deepEqual(await all.consume(batch, caller.signal), ACCEPTED);
    assert.deepEqual(
      branches.map(({ offers }) => offers),
      [1, 1, 1],
    );
    assert.deepEqual(lost, []);
  });

  it('answers retry while no branch has accepted, even after a rejection, and loses nothing', async () => {
    const branches = [new Branch(REFUSED), new Branch(BUSY), new Branch()];
    const { all, batch, caller, lost } = setUp(...branches);
    assert.equal(await all.consume(batch, caller.signal), BUSY);
    assert.equal(branches[2]?.offers, 0);
    assert.deepEqual(lost, []);
  });

  it('answers rejected when all reject', async () => {
    const { all, batch, caller, lost } = setUp(new Branch(REFUSED), new Branch(REFUSED));
    assert.equal(await all.consume(batch, caller.signal), REFUSED);
    assert.deepEqual(lost, []);
  });

  it('keeps offering to the others once one accepted, and never offers twice to the one that did', async () => {
    const first = new Branch();
    const slow = new Branch(BUSY, BUSY, BUSY);
    const { all, batch, caller, clock } = setUp(first, slow);
    const verdict = all.consume(batch, caller.signal);
    await clock.advance(10_000);
    assert.deepEqual(await verdict, ACCEPTED);
    assert.equal(first.offers, 1);
    assert.equal(slow.offers, 4);
    assert.equal(clock.pending, 0);
  });

  it('waits as long as a branch asks for before it offers again', async () => {
    const slow = new Branch(retry(new Error('Later.'), 5000));
    const { all, batch, caller, clock } = setUp(new Branch(), slow);
    const verdict = all.consume(batch, caller.signal);
    await clock.advance(4999);
    assert.equal(slow.offers, 1);
    await clock.advance(1);
    assert.equal(slow.offers, 2);
    assert.deepEqual(await verdict, ACCEPTED);
  });

  it('does not let go of a batch that one branch has when the caller leaves', async () => {
    const first = new Branch();
    const slow = new Branch(BUSY, BUSY);
    const { all, batch, caller, clock } = setUp(first, slow);
    const verdict = all.consume(batch, caller.signal);
    await clock.advance(0);
    caller.abort();
    assert.equal(await settled(verdict), false);
    await clock.advance(1000);
    assert.deepEqual(await verdict, ACCEPTED);
    assert.equal(first.offers, 1);
  });

  it('does not let one branch that refuses for now hold up the next', async () => {
    const last = new Branch();
    const { all, batch, caller, clock } = setUp(new Branch(), new Branch(BUSY), last);
    const verdict = all.consume(batch, caller.signal);
    await clock.advance(0);
    assert.equal(last.offers, 1);
    await clock.advance(1000);
    assert.deepEqual(await verdict, ACCEPTED);
  });

  it('books what a branch did not get when the service stops', async () => {
    const { all, batch, caller, clock, stopping, lost } = setUp(new Branch(), new Branch(BUSY, BUSY, BUSY, BUSY));
    const verdict = all.consume(batch, caller.signal);
    await clock.advance(60);
    stopping.abort();
    assert.deepEqual(await verdict, acceptedPartly(0, 'Busy.'));
    assert.deepEqual(lost, ['1 3 shutdown']);
    assert.equal(clock.pending, 0);
  });

  it('books a rejection by some and answers with it as a warning', async () => {
    const { all, batch, caller, lost } = setUp(new Branch(REFUSED), new Branch(), new Branch(REFUSED));
    assert.deepEqual(await all.consume(batch, caller.signal), acceptedPartly(0, 'Refused.'));
    assert.deepEqual(lost, ['0 3 upstream_rejected', '2 3 upstream_rejected']);
  });

  it('answers with the worst partial success', async () => {
    const { all, batch, caller } = setUp(new Branch(acceptedPartly(1, 'One.')), new Branch(acceptedPartly(2, 'Two.')));
    assert.deepEqual(await all.consume(batch, caller.signal), acceptedPartly(2, 'One.'));
  });
});

describe('fan-out to a branch that keeps nothing of the batch', () => {
  it('gives it the batch last, and not at all when the others came to nothing', async () => {
    for (const isLate of [false, true]) {
      const observer = new ReservingBranch();
      observer.keeps = false;
      const keeper = new ReservingBranch(BUSY, BUSY);
      keeper.isLate = isLate;
      const { all, batch, caller } = setUp(observer, keeper);
      assert.equal((await all.consume(batch, caller.signal)).status, 'retry');
      assert.equal((await all.consume(batch, caller.signal)).status, 'retry');
      assert.deepEqual([observer.committed, observer.cancelled], [0, 2]);
      assert.deepEqual(await all.consume(batch, caller.signal), ACCEPTED);
      assert.deepEqual([observer.committed, observer.offers, keeper.offers], [1, 1, 3]);
    }
  });

  it('lets its bytes be written over only when nobody else can have delivered them before it', async () => {
    for (const isLate of [false, true]) {
      const observer = new ReservingBranch();
      observer.keeps = false;
      const keeper = new ReservingBranch();
      keeper.isLate = isLate;
      const { all, batch, caller } = setUp(observer, keeper);
      let reused = 0;
      offerBytes(batch, () => (reused += 1));
      await all.consume(batch, caller.signal);
      freeBytes(batch);
      assert.equal(reused, isLate ? 0 : 1);
    }
  });

  it('asks one that cannot reserve before it, and books what is lost to the right one', async () => {
    const observer = new ReservingBranch(REFUSED);
    const { all, batch, caller, lost } = setUp(observer, new Branch(BUSY));
    assert.equal((await all.consume(batch, caller.signal)).status, 'retry');
    assert.equal(observer.offers, 0);
    assert.equal((await all.consume(batch, caller.signal)).status, 'accepted');
    assert.deepEqual(lost, ['0 3 upstream_rejected']);
  });
});

describe('fan-out over branches that reserve', () => {
  const full: Reservation = { status: 'retry', verdict: BUSY };

  it('commits in all', async () => {
    const branches = [new ReservingBranch(), new ReservingBranch()];
    const { all, batch, caller } = setUp(...branches);
    assert.deepEqual(await all.consume(batch, caller.signal), ACCEPTED);
    assert.deepEqual(
      branches.map(({ committed, cancelled }) => [committed, cancelled]),
      [
        [1, 0],
        [1, 0],
      ],
    );
  });

  it('commits in none when one is full', async () => {
    const branches = [new ReservingBranch(), new ReservingBranch(), new ReservingBranch()];
    branches[1]?.refusals.push(full);
    const { all, batch, caller } = setUp(...branches);
    assert.equal(await all.consume(batch, caller.signal), BUSY);
    assert.deepEqual(
      branches.map(({ committed, cancelled }) => [committed, cancelled]),
      [
        [0, 1],
        [0, 0],
        [0, 0],
      ],
    );
  });

  it('waits for room where the branch offers it, and holds no room elsewhere meanwhile', async () => {
    const [first, second] = [new ReservingBranch(), new ReservingBranch()];
    let onRoom: (() => void) | undefined;
    second.refusals.push({ ...full, room: () => new Promise((resolve) => (onRoom = resolve)) });
    const { all, batch, caller } = setUp(first, second);
    const verdict = all.consume(batch, caller.signal);
    assert.equal(first.cancelled, 1);
    onRoom?.();
    assert.deepEqual(await verdict, ACCEPTED);
    assert.deepEqual([first.committed, second.committed], [1, 1]);
  });

  it('answers retry when the caller leaves while waiting for room', async () => {
    const branch = new ReservingBranch();
    branch.refusals.push({
      ...full,
      room: (abort) => new Promise((resolve) => abort.addEventListener('abort', () => resolve())),
    });
    const { all, batch, caller } = setUp(branch, new ReservingBranch());
    const verdict = all.consume(batch, caller.signal);
    caller.abort();
    assert.equal(await verdict, BUSY);
  });

  it('reaches the others when one rejects, and answers rejected when all do', async () => {
    const no: Reservation = { status: 'rejected', verdict: REFUSED };
    const [first, second] = [new ReservingBranch(), new ReservingBranch()];
    first.refusals.push(no, no);
    const { all, batch, caller, lost } = setUp(first, second);
    assert.deepEqual(await all.consume(batch, caller.signal), acceptedPartly(0, 'Refused.'));
    assert.deepEqual(lost, ['0 3 upstream_rejected']);
    second.refusals.push(no);
    assert.equal(await all.consume(batch, caller.signal), REFUSED);
    assert.equal(lost.length, 1);
  });

  it('does not return retry when one commit was accepted and another came to nothing', async () => {
    const [done, late] = [new ReservingBranch(), new ReservingBranch(BUSY, BUSY)];
    const { all, batch, caller, clock, lost } = setUp(done, late);
    const verdict = all.consume(batch, caller.signal);
    await clock.advance(5000);
    assert.deepEqual(await verdict, ACCEPTED);
    assert.equal(done.offers, 1);
    assert.equal(late.offers, 3);
    assert.deepEqual(lost, []);
  });

  it('returns retry when no commit was accepted', async () => {
    const { all, batch, caller, lost } = setUp(new ReservingBranch(REFUSED), new ReservingBranch(BUSY));
    assert.equal(await all.consume(batch, caller.signal), BUSY);
    assert.deepEqual(lost, []);
  });

  it('can be reserved as a whole, so that fan-outs nest', async () => {
    const inner = [new ReservingBranch(), new ReservingBranch()];
    const outer = new ReservingBranch();
    const { all: nested, batch, caller, clock, stopping } = setUp(...inner);
    const all = fanout([nested, outer], {
      clock,
      stopping: stopping.signal,
      onLost: () => assert.fail('Nothing is lost.'),
    });
    outer.refusals.push(full);
    assert.equal(await all.consume(batch, caller.signal), BUSY);
    assert.deepEqual(
      inner.map(({ committed, cancelled }) => [committed, cancelled]),
      [
        [0, 1],
        [0, 1],
      ],
    );
    assert.deepEqual(await all.consume(batch, caller.signal), ACCEPTED);
    assert.deepEqual(
      [...inner, outer].map(({ committed }) => committed),
      [1, 1, 1],
    );
  });
});
