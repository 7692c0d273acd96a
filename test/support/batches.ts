import { batchBytes, makeBatch, type Batch } from '../../src/core/batch.ts';
import type { Signal } from '../../src/core/signal.ts';
import { LOG, REQUEST, RESOURCE_X, SCOPE_X } from '../../src/otlp/fields.ts';
import { Cursor } from '../../src/otlp/wire.ts';
import { Writer } from '../../src/otlp/writer.ts';

/** A batch of `items` whose content does not matter: `bytesPerItem` bytes each, in memory of its own. */
export function opaqueBatch(items: number, bytesPerItem = 10, signal: Signal = 'logs'): Batch {
  return makeBatch(signal, [new Uint8Array(items * bytesPerItem)], items);
}

/** Log records of one resource, numbered from `first` on in their time. */
export function numberedLogs(first: number, count: number): Batch {
  const writer = new Writer();
  const resource = writer.begin(REQUEST.resources);
  const scope = writer.begin(RESOURCE_X.scopes);
  for (let number = first; number < first + count; number++) {
    const record = writer.begin(SCOPE_X.items);
    writer.fixed64(LOG.timeUnixNano, BigInt(number));
    writer.end(record);
  }
  writer.end(scope);
  writer.end(resource);
  return makeBatch('logs', [writer.detach(0)], count);
}

/** The numbers of all records in the batches, in order. */
export function numbersIn(batches: readonly Batch[]): number[] {
  const numbers: number[] = [];
  const [request, resource, scope, record] = [new Cursor(), new Cursor(), new Cursor(), new Cursor()];
  for (const batch of batches) {
    const bytes = batchBytes(batch);
    for (request.reset(bytes, 0, bytes.length); request.next();) {
      for (resource.enter(request); resource.next();) {
        if (resource.field !== RESOURCE_X.scopes) continue;
        for (scope.enter(resource); scope.next();) {
          if (scope.field !== SCOPE_X.items) continue;
          for (record.enter(scope); record.next();) {
            if (record.field === LOG.timeUnixNano) numbers.push(Number(record.fixed64()));
          }
        }
      }
    }
  }
  return numbers;
}

/** The whole numbers from `first` to `last`. */
export function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
