import { NumberPoint } from '../../otlp/metrics/number-point.ts';
import { Writer } from '../../otlp/writer.ts';
import type { CellStore } from './cell-store.ts';
import { levels } from './kinds.ts';

/** Takes the value in the cell `member` off the total in the cell `total`; returns where that is then. */
export function takeOff(cells: CellStore, total: number, member: number): number {
  read(from, cells, total);
  read(value, cells, member);
  levels.subtract(from, value);
  writer.pos = 0;
  from.writeValues(writer);
  return cells.put(total, writer.buffer, 0, writer.pos, true);
}

const from = new NumberPoint();
const value = new NumberPoint();
const writer = new Writer(64);

function read(into: NumberPoint, cells: CellStore, cell: number): void {
  const start = cells.startOf(cell);
  into.read(cells.bytesOf(cell), start, start + cells.lengthOf(cell));
  into.release();
}
