/** One step of the hash over the bytes of a key; start with 0. */
export function keyHash(hash: number, byte: number): number {
  return (Math.imul(hash, 31) + byte) | 0;
}

interface Slot<T> {
  readonly hash: number;
  readonly bytes: Buffer;
  readonly value: T;
}

/** Finds a few known keys among the bytes of a line: one look at a table without collisions for all others. */
export class KeyTable<T extends { readonly key: string }> {
  #slots: (Slot<T> | undefined)[] = [undefined];
  #mask = 0;

  constructor(values: readonly T[]) {
    const slots = values.map((value) => {
      const bytes = Buffer.from(value.key, 'utf8');
      return { hash: bytes.reduce(keyHash, keyHash(0, 0)), bytes, value };
    });
    for (let size = 16; size <= 65_536; size *= 2) if (this.#fill(slots, size)) return;
    throw new RangeError('Two keys have the same hash.');
  }

  find(hash: number, source: Uint8Array, start: number, end: number): T | undefined {
    const slot = this.#slots[hash & this.#mask];
    if (slot?.hash !== hash || slot.bytes.length !== end - start) return undefined;
    for (let i = 0; i < slot.bytes.length; i++) if (slot.bytes[i] !== source[start + i]) return undefined;
    return slot.value;
  }

  #fill(slots: readonly Slot<T>[], size: number): boolean {
    this.#slots = new Array<Slot<T> | undefined>(size).fill(undefined);
    this.#mask = size - 1;
    for (const slot of slots) {
      const at = slot.hash & this.#mask;
      const there = this.#slots[at];
      if (there !== undefined && there.hash !== slot.hash) return false;
      if (there !== undefined && !there.bytes.equals(slot.bytes)) throw new RangeError('Two keys have the same hash.');
      this.#slots[at] = slot;
    }
    return true;
  }
}
