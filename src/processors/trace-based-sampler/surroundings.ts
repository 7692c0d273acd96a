import { RESOURCE_X, SCOPE_X } from '../../otlp/fields.ts';
import { Cursor, LEN } from '../../otlp/wire.ts';

/** Where a ScopeLogs and the ResourceLogs around it stand. */
export interface Around {
  readonly bytes: Buffer;
  readonly resourceStart: number;
  readonly resourceEnd: number;
  readonly scopeStart: number;
  readonly scopeEnd: number;
}

/** Every field of the ResourceLogs that is no ScopeLogs, known or not, as latin1 text. */
export function resourceText({ bytes, resourceStart, resourceEnd }: Around): string {
  return withoutChildren(bytes, resourceStart, resourceEnd, RESOURCE_X.scopes);
}

/** Every field of the ScopeLogs that is no log. */
export function scopeText({ bytes, scopeStart, scopeEnd }: Around): string {
  return withoutChildren(bytes, scopeStart, scopeEnd, SCOPE_X.items);
}

function withoutChildren(bytes: Buffer, start: number, end: number, child: number): string {
  let text = '';
  let from = start;
  for (const at = new Cursor(bytes, start, end); at.next();) {
    if (at.field !== child || at.wireType !== LEN) continue;
    if (at.tagStart > from) text += bytes.toString('latin1', from, at.tagStart);
    from = at.end;
  }
  return from < end ? text + bytes.toString('latin1', from, end) : text;
}
