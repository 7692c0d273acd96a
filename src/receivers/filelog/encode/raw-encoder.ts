import { CUT_ATTRIBUTE } from './constants.ts';
import type { LineEncoder } from './record-writer.ts';

/** Lines as they are: no operators. */
export const rawEncoder: LineEncoder = {
  encode(out, source, start, end, info) {
    if (!info.cut) {
      out.plain(source, start, end);
      return;
    }
    const record = out.beginRecord(end - start + 64);
    out.stringBody(source, start, end);
    out.writer.raw(CUT_ATTRIBUTE);
    out.endRecord(record);
  },
};
