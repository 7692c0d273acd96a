import { SCOPE_X, SPAN } from '../fields.ts';
import type { RangeCopier } from '../range-copier.ts';
import type { Cursor } from '../wire.ts';
import { varintSize } from '../writer.ts';
import type { TraceState } from './tracestate.ts';

/**
 * Writes `state` into the span that `at` stands on, which must not have been cut. [oldStart, oldEnd) is the whole field
 * that it replaces, of the tracestate that was read; `oldStart` < 0 when there is none.
 */
export function writeTraceState(
  copier: RangeCopier,
  at: Cursor,
  state: TraceState,
  oldStart: number,
  oldEnd: number,
): void {
  const textBytes = state.encodedBytes();
  // An empty text is no field.
  const fieldBytes = textBytes === 0 ? 0 : 1 + varintSize(textBytes) + textBytes;
  const removedBytes = oldStart < 0 ? 0 : oldEnd - oldStart;
  const head = copier.cut(at.tagStart, at.start);
  head.ensure(32 + textBytes);
  head.header(SCOPE_X.items, at.end - at.start - removedBytes + fieldBytes);
  // Where there was none, it comes first, so that the rest of the span goes over in one copy.
  const place = oldStart < 0 ? head : copier.cut(oldStart, oldEnd);
  if (textBytes === 0) return;
  place.header(SPAN.traceState, textBytes);
  state.write(place);
}
