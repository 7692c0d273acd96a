import type { ReceiverContext } from '../../../core/component.ts';
import { ChunkReader } from '../reading/chunk-reader.ts';
import type { FilelogConfig } from '../config.ts';
import type { FilelogMetrics } from '../metrics.ts';
import { encodeRecordAttributes, encodeResourceAttributes, fileAttributes } from './constants.ts';
import { rawEncoder } from './raw-encoder.ts';
import { RecordWriter } from './record-writer.ts';

/** The reader for a configuration: which encoder writes the records, and what they all have. */
export function makeReader(config: FilelogConfig, context: ReceiverContext, metrics: FilelogMetrics): ChunkReader {
  const out = new RecordWriter();
  const resource = encodeResourceAttributes(new Map(Object.entries(config.resource)));
  /** Constant attributes by file; a file that is renamed gets new ones. */
  let path = '';
  let constant = encodeRecordAttributes(fileAttributes(config, path));
  return new ChunkReader({
    maxLogSize: config.max_log_size,
    truncate: config.max_log_size_behavior === 'truncate',
    keepLeading: config.preserve_leading_whitespaces,
    keepTrailing: config.preserve_trailing_whitespaces,
    fingerprintBytes: config.fingerprint_size,
    encoder: rawEncoder,
    out,
    begin(file) {
      if (file.path !== path) {
        path = file.path;
        constant = encodeRecordAttributes(fileAttributes(config, path));
      }
      out.begin({ resource, constant, nowMs: context.clock.now() });
    },
    onCutLine: () => (metrics.longLines.value += 1),
  });
}
