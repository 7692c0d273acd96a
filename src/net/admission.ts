import type { Admission, Admitted } from '../core/component.ts';

/** Memory of a request besides its body: headers, socket and stream objects, the promise of an answer. */
export const REQUEST_BYTES = 16 * 1024;
/** Up to this part of the budget whoever comes first is served; beyond it nobody gets more than an equal share. */
const UNSHARED = 1 / 2;

/**
 * A budget of bytes shared by everything that receives. Since each request takes `requestBytes` besides its body, their
 * number is bounded too.
 * Invariants: `usedBytes` is the sum of what every open admission holds, and never exceeds `limitBytes`; `#heldBy` has
 * the connections that hold something, and how much; `coming` sums over those that were not handed over.
 */
export class ByteAdmission implements Admission {
  readonly limitBytes: number;
  readonly largestBytes: number;
  requests = 0;
  usedBytes = 0;
  readonly coming = { requests: 0, bytes: 0 };
  readonly #requestBytes: number;
  readonly #heldBy = new Map<object, number>();

  constructor(limitBytes: number, requestBytes = REQUEST_BYTES) {
    this.limitBytes = limitBytes;
    this.largestBytes = limitBytes - requestBytes;
    this.#requestBytes = requestBytes;
  }

  tryAdmit(bytes: number, by?: object): Admitted | undefined {
    const all = bytes + this.#requestBytes;
    if (!this.tryTake(all, by)) return undefined;
    this.requests += 1;
    this.coming.requests += 1;
    this.coming.bytes += bytes;
    return new Held(this, { bytes: all, requestBytes: this.#requestBytes, by });
  }

  /** For what is admitted: giving back (a negative number) always succeeds. */
  tryTake(bytes: number, by: object | undefined): boolean {
    const usedBytes = this.usedBytes + bytes;
    if (bytes > 0 && usedBytes > this.limitBytes) return false;
    if (by !== undefined && !this.#tryShare(bytes, by, usedBytes)) return false;
    this.usedBytes = usedBytes;
    return true;
  }

  #tryShare(bytes: number, by: object, usedBytes: number): boolean {
    const before = this.#heldBy.get(by);
    const held = (before ?? 0) + bytes;
    if (bytes > 0 && usedBytes > this.limitBytes * UNSHARED) {
      const holders = this.#heldBy.size + (before === undefined ? 1 : 0);
      if (held > this.limitBytes / holders) return false;
    }
    if (held > 0) this.#heldBy.set(by, held);
    else this.#heldBy.delete(by);
    return true;
  }
}

interface Holding {
  readonly bytes: number;
  readonly requestBytes: number;
  readonly by: object | undefined;
}

class Held implements Admitted {
  #bytes: number;
  #released = false;
  #isComing = true;
  readonly #admission: ByteAdmission;
  readonly #requestBytes: number;
  readonly #by: object | undefined;

  constructor(admission: ByteAdmission, { bytes, requestBytes, by }: Holding) {
    this.#admission = admission;
    this.#bytes = bytes;
    this.#requestBytes = requestBytes;
    this.#by = by;
  }

  tryResize(bytes: number): boolean {
    const all = bytes + this.#requestBytes;
    if (this.#released || !this.#admission.tryTake(all - this.#bytes, this.#by)) return false;
    if (this.#isComing) this.#admission.coming.bytes += all - this.#bytes;
    this.#bytes = all;
    return true;
  }

  handOver(): void {
    if (!this.#isComing) return;
    this.#isComing = false;
    this.#admission.coming.requests -= 1;
    this.#admission.coming.bytes -= this.#bytes - this.#requestBytes;
  }

  release(): void {
    if (this.#released) return;
    this.handOver();
    this.#released = true;
    this.#admission.tryTake(-this.#bytes, this.#by);
    this.#admission.requests -= 1;
    this.#bytes = 0;
  }
}
