import { I64, malformed, type Cursor } from '../../otlp/wire.ts';
import type { Writer } from '../../otlp/writer.ts';

/**
 * A number that is an integer of 64 bits or a double, and is changed as the Collector does: by way of a double. Used
 * again and again.
 * Invariant: an integer that was not changed yet is `low` and `high`, and exact whatever its size; otherwise it is
 * `number`, which is whole and fits 64 bits.
 */
export class Scalar {
  #isInt = false;
  #isChanged = false;
  #number = 0;
  #low = 0;
  #high = 0;

  /** The field that `at` stands on: an sfixed64 or a double. */
  read(at: Cursor, isInt: boolean): void {
    if (at.wireType !== I64) throw malformed(`field ${at.field} has wire type ${at.wireType}`, at.tagStart);
    this.#isInt = isInt;
    this.#isChanged = false;
    this.#low = at.fixed64Low();
    this.#high = at.fixed64High();
    this.#number = isInt ? (this.#high | 0) * TWO_32 + this.#low : at.double();
  }

  /** Integer to double and back. */
  toggle(): void {
    this.#set(this.#number, !this.#isInt);
  }

  scale(factor: number): void {
    this.#set(this.#number * factor, this.#isInt);
  }

  /** An integer is cut off towards zero. What no integer of 64 bits can hold is a double. */
  #set(number: number, toInt: boolean): void {
    const whole = Math.trunc(number);
    this.#isChanged = true;
    this.#isInt = toInt && whole >= -TWO_63 && whole < TWO_63;
    // No integer is -0.
    this.#number = this.#isInt ? whole + 0 : number;
  }

  write(writer: Writer, asInt: number, asDouble: number): void {
    if (!this.#isInt) writer.double(asDouble, this.#number);
    else if (!this.#isChanged) writer.fixed64Parts(asInt, this.#low, this.#high);
    else {
      const high = Math.floor(this.#number / TWO_32);
      writer.fixed64Parts(asInt, this.#number - high * TWO_32, high);
    }
  }
}

const TWO_32 = 2 ** 32;
const TWO_63 = 2 ** 63;
