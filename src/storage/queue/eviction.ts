import type { Totals } from './format.ts';
import { mustPlace } from './entry.ts';
import { isOver } from './notes.ts';
import type { Store } from './store.ts';
import type { Window } from './window.ts';

export interface EvictionOptions {
  readonly store: Store;
  readonly window: Window;
  /** More is committed than the queue may hold. */
  readonly isOver: () => boolean;
  /** More bytes on disk than it may take. */
  readonly isOverOnDisk: () => boolean;
  readonly onEvicted: (lost: Totals) => void;
}

/** `overflow: drop_oldest`: lets go of the oldest that nobody has leased, until what is committed fits. */
export class Eviction {
  readonly #options: EvictionOptions;
  #last: Promise<void> = Promise.resolve();

  constructor(options: EvictionOptions) {
    this.#options = options;
  }

  /** One after another; resolves when it fits, or when there is nothing more to let go of. */
  makeRoom(): Promise<void> {
    this.#last = this.#last.then(() => this.#makeRoom());
    return this.#last;
  }

  async #makeRoom(): Promise<void> {
    const { isOver, isOverOnDisk } = this.#options;
    while (isOver() && !this.#options.store.closing) {
      const went = isOverOnDisk() ? await this.#evictSegment() : await this.#evictOldest();
      if (!went) return;
    }
  }

  async #evictOldest(): Promise<boolean> {
    const { store, window, onEvicted } = this.#options;
    const { oldest } = window;
    const inLine = oldest !== undefined && store.backlog.isBefore(mustPlace(oldest), oldest.index);
    if (store.restingRequests > 0 && !inLine) {
      // The oldest is on disk alone, and how much it is stands in its header. A disk that does not give it knows the sums.
      return (await store.backlog.load()) || this.#evictSegment();
    }
    if (oldest === undefined) return false;
    window.remove(oldest);
    window.release(oldest);
    oldest.state = 'gone';
    const segment = mustPlace(oldest);
    segment.finish(oldest.index, oldest.items, oldest.bytes);
    store.left(segment);
    onEvicted({ requests: 1, items: oldest.items, bytes: oldest.bytes });
    return true;
  }

  /** Room on disk comes only in whole segments. One that cannot be deleted makes none, and the next would be no better. */
  async #evictSegment(): Promise<boolean> {
    const { store, window, onEvicted } = this.#options;
    const segment = store.oldestEvictable(window.leased);
    if (segment === undefined) return false;
    window.forget(segment);
    const lost = segment.finishResting();
    store.left(segment, lost.requests);
    onEvicted(lost);
    await store.notes.flush();
    return segment.gone || !isOver(segment);
  }
}
