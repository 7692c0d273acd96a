import type { Writer } from '../writer.ts';
import { HistogramPoint } from './histogram-point.ts';
import type { Point } from './point.ts';

/**
 * Points that are remembered in this process: their times, flags and values, in as few bytes as are worth the time. It is
 * what `writeValues` writes, but for histograms, whose buckets would be most of it. Nothing of it leaves the process.
 */
export function writeKept(point: Point, writer: Writer): void {
  if (point instanceof HistogramPoint) point.writeKept(writer);
  else point.writeValues(writer);
}

/** What `writeKept` wrote of a point of this kind. */
export function readKept(point: Point, bytes: Uint8Array, start: number, end: number): void {
  if (point instanceof HistogramPoint) point.readKept(bytes, start, end);
  else point.read(bytes, start, end);
}
