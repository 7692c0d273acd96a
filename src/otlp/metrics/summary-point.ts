import { SUMMARY_POINT } from '../fields.ts';
import { Cursor } from '../wire.ts';
import type { Writer } from '../writer.ts';
import { Integer64 } from './integer64.ts';
import { fieldBits, PointSource, type Point } from './point.ts';

const { startTimeUnixNano, timeUnixNano, count, sum, flags } = SUMMARY_POINT;
const OWN = fieldBits(startTimeUnixNano, timeUnixNano, count, sum, flags);

/** A point of a Summary. Quantiles cannot be merged: they are of the rest, which is copied. */
export class SummaryPoint implements Point {
  readonly startTime = new Integer64();
  readonly time = new Integer64();
  flags = 0;
  readonly count = new Integer64();
  sum = 0;
  readonly #source = new PointSource();

  read(bytes: Uint8Array, start: number, end: number): void {
    this.#source.set(bytes, start, end);
    for (const part of [this.startTime, this.time, this.count]) part.set(0, 0);
    this.flags = 0;
    this.sum = 0;
    for (cursor.reset(bytes, start, end); cursor.next();) this.#field();
  }

  #field(): void {
    switch (cursor.field) {
      case startTimeUnixNano:
        this.startTime.read(cursor);
        return;
      case timeUnixNano:
        this.time.read(cursor);
        return;
      case count:
        this.count.read(cursor);
        return;
      case sum:
        this.sum = cursor.double();
        return;
      case flags:
        this.flags = cursor.varintLow();
    }
  }

  writeValues(writer: Writer): void {
    if (!this.startTime.isZero) writer.fixed64Parts(startTimeUnixNano, this.startTime.low, this.startTime.high);
    writer.fixed64Parts(timeUnixNano, this.time.low, this.time.high);
    writer.fixed64Parts(count, this.count.low, this.count.high);
    writer.double(sum, this.sum);
    if (this.flags !== 0) writer.uint(flags, this.flags);
  }

  writeRest(writer: Writer, leaveOut = 0): void {
    this.#source.copyWithout(writer, OWN | leaveOut);
  }

  release(): void {
    this.#source.release();
    cursor.reset(EMPTY, 0, 0);
  }
}

const EMPTY = new Uint8Array(0);
const cursor = new Cursor();
