import type { WatchedMemory } from '../../../src/service/overload/memory-watch.ts';

export const MIB = 2 ** 20;

/** A process of 60 MiB, with what it holds, what is dead and not collected, and what the allocator keeps. */
export class FakeMemory implements WatchedMemory {
  heldMib = 0;
  deadMib = 0;
  keptMib = 0;
  collections = 0;

  residentBytes(): number {
    return (60 + this.heldMib + this.deadMib + this.keptMib) * MIB;
  }

  dataBytes(): number {
    return (10 + this.heldMib + this.deadMib) * MIB;
  }

  collect(): void {
    this.collections += 1;
    this.deadMib = 0;
  }
}
