import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate, setTimeout } from 'node:timers/promises';
import type { Batch } from '../../../src/core/batch.ts';
import type { Receiver } from '../../../src/core/component.ts';
import type { StorageClient } from '../../../src/core/storage.ts';
import { ACCEPTED, rejected, retry, type Verdict } from '../../../src/core/verdict.ts';
import { filelogReceiver } from '../../../src/receivers/filelog/index.ts';
import { FileClient } from '../../../src/storage/file-client.ts';
import { receiverContext } from '../../support/context.ts';
import { HurriedClock } from '../../support/hurried-clock.ts';
import type { Truth } from './truth.ts';

export type Mode = 'accept' | 'retry' | 'hold' | 'reject';

/** Time passes this much faster for the receiver: checkpoints every 50 ms. */
const CLOCK = new HurriedClock(20);

/** One run of a receiver, from its start to its stop or its death. */
export class Life {
  readonly #truth: Truth;
  readonly #storage: CrashingStorage;
  #receiver: Receiver | undefined;
  mode: Mode;
  #held: { batch: Batch; settle: (verdict: Verdict) => void }[] = [];
  #isDead = false;

  constructor(truth: Truth, directory: string, mode: Mode) {
    this.#truth = truth;
    this.mode = mode;
    this.#storage = new CrashingStorage(directory, truth);
  }

  async start(config: object): Promise<void> {
    const context = receiverContext(
      { logs: { consume: async (batch, abort) => this.#consume(batch, abort) } },
      { id: 'filelog', clock: CLOCK, storage: () => this.#storage },
    );
    const parsed = filelogReceiver.parse({ ...config, storage: 'file_storage' });
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
    this.#truth.begin();
    this.#receiver = await parsed.prepared.create(context);
    await this.#receiver.start?.();
  }

  async stop(): Promise<void> {
    const releasing = setInterval(() => this.releaseAll(), 1);
    await this.#receiver?.stop?.(AbortSignal.timeout(120_000));
    clearInterval(releasing);
    this.#isDead = true;
  }

  /** Nothing that it does from now on has an effect; its descriptors are closed. */
  async kill(tornCheckpoint: boolean): Promise<void> {
    if (tornCheckpoint) await this.#storage.tearNext();
    await this.#storage.die();
    this.#isDead = true;
    this.#truth.crashed();
    await this.#receiver?.stop?.(AbortSignal.abort());
  }

  /** Answers one batch that is held. */
  release(pick: number): void {
    const [held] = this.#held.splice(pick % (this.#held.length || 1), 1);
    if (held === undefined) return;
    this.#truth.arrive(held.batch);
    held.settle(ACCEPTED);
  }

  releaseAll(): void {
    while (this.#held.length > 0 && !this.#isDead) this.release(0);
  }

  /** Resolves when a checkpoint was written, or when none seems to come. */
  async checkpointed(): Promise<void> {
    const before = this.#storage.writes;
    await soon(() => this.#storage.writes > before, 120);
  }

  #consume(batch: Batch, abort: AbortSignal): Verdict | Promise<Verdict> {
    const later = retry(new Error('full'), 5);
    const hold = new Promise<Verdict>((settle) => {
      if (!this.#isDead && this.mode === 'hold') this.#held.push({ batch, settle });
      abort.addEventListener('abort', () => {
        this.#held = this.#held.filter((held) => held.batch !== batch);
        settle(later);
      });
    });
    if (this.#isDead) return hold;
    this.#truth.offer(batch);
    if (this.mode === 'retry') return later;
    if (this.mode === 'hold') return hold;
    this.#truth.arrive(batch);
    return this.mode === 'accept' ? ACCEPTED : rejected(new Error('no'));
  }
}

/** A place on disk whose writes end with a crash. */
class CrashingStorage implements StorageClient {
  readonly directory: string;
  readonly #disk: FileClient;
  readonly #truth: Truth;
  #writing: Promise<void> = Promise.resolve();
  #isDead = false;
  #tears = false;
  writes = 0;

  constructor(directory: string, truth: Truth) {
    this.directory = directory;
    this.#truth = truth;
    this.#disk = new FileClient({
      directory,
      fsync: false,
      onDamage: (path) => truth.problems.push(`damaged: ${path}`),
    });
  }

  read(): Promise<Uint8Array | undefined> {
    return this.#disk.read();
  }

  async write(value: Uint8Array): Promise<void> {
    if (this.#isDead) return;
    if (this.#tears) {
      writeFileSync(join(this.directory, 'value.tmp'), value.subarray(0, value.length / 2));
      this.#isDead = true;
      return;
    }
    const onDisk = this.#truth.checkpoint();
    this.#writing = this.#disk.write(value);
    await this.#writing;
    this.writes += 1;
    onDisk();
  }

  /** The next write stops half way; resolves then, or when none seems to come. */
  async tearNext(): Promise<void> {
    this.#tears = true;
    await soon(() => this.#isDead, 120);
  }

  /** A write that is under way is the last one. */
  async die(): Promise<void> {
    this.#isDead = true;
    await this.#writing;
    await setImmediate();
  }
}

/** Polls until `condition` holds; false when it does not within `limitMs`. */
export async function soon(condition: () => boolean, limitMs: number): Promise<boolean> {
  const endMs = performance.now() + limitMs;
  for (let turn = 0; !condition(); turn++) {
    if (performance.now() > endMs) return false;
    await (turn < 20 ? setImmediate() : setTimeout(1));
  }
  return true;
}
