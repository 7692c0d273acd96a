import type { LineEncoder } from './record-writer.ts';

/** Lines as they are: no operators. */
export const rawEncoder: LineEncoder = {
  encode(out, source, start, end, info) {
    if (!out.hasExtras(info)) {
      out.plain(source, start, end, info);
      return;
    }
    const record = out.beginRecord(end - start + 64);
    out.runtimeFields(info);
    out.stringBody(source, start, end);
    out.extraFields(info);
    out.endRecord(record);
  },
};
