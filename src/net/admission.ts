import type { Admission, Admitted } from '../core/component.ts';

/**
 * A budget of bytes shared by everything that receives.
 * Invariant: `usedBytes` is the sum of what every open admission holds, and never exceeds `limitBytes`.
 */
export class ByteAdmission implements Admission {
  readonly limitBytes: number;
  #usedBytes = 0;
  readonly #take = (bytes: number): boolean => this.#tryTake(bytes);

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  tryAdmit(bytes: number): Admitted | undefined {
    if (!this.#tryTake(bytes)) return undefined;
    return new Held(bytes, this.#take);
  }

  #tryTake(bytes: number): boolean {
    if (bytes > 0 && this.#usedBytes + bytes > this.limitBytes) return false;
    this.#usedBytes += bytes;
    return true;
  }
}

class Held implements Admitted {
  #bytes: number;
  #released = false;
  /** Giving back (a negative number) always succeeds. */
  readonly #tryTake: (bytes: number) => boolean;

  constructor(bytes: number, tryTake: (bytes: number) => boolean) {
    this.#bytes = bytes;
    this.#tryTake = tryTake;
  }

  tryResize(bytes: number): boolean {
    if (this.#released || !this.#tryTake(bytes - this.#bytes)) return false;
    this.#bytes = bytes;
    return true;
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#tryTake(-this.#bytes);
    this.#bytes = 0;
  }
}
