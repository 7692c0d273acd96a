import type { ReceiverContext } from '../../../core/component.ts';
import type { FileStats } from '../../../core/file-system.ts';
import type { FilelogConfig } from '../config.ts';
import type { FilelogMetrics } from '../metrics.ts';
import { kubernetesAttributes } from '../operators/container/kubernetes-path.ts';
import { splitTemplates } from '../operators/line-templates.ts';
import { ChunkReader } from '../reading/chunk-reader.ts';
import { findEncoding } from '../reading/encodings.ts';
import { configuredEncoding, makeSplitter } from '../reading/settings.ts';
import { encodeRecordAttributes, FileAttributes } from './constants.ts';
import { makeEncoder } from './make-encoder.ts';
import { RecordWriter } from './record-writer.ts';

/** The reader for a configuration: which encoder writes the records, and what they all have. */
export function makeReader(written: FilelogConfig, context: ReceiverContext, metrics: FilelogMetrics): ChunkReader {
  const { config, templates } = splitTemplates(written);
  const out = new RecordWriter({
    recordNumbers: config.include_file_record_number,
    recordOffsets: config.include_file_record_offset,
  });
  const { encoder, held, stages } = makeEncoder({ config, templates, context, metrics, out });
  const has = (wanted: string): boolean => config.operators.some(({ type }) => type === wanted);
  const configured = Object.entries(config.resource);
  // What the file that was read last gives to its records.
  let path = '';
  let stats: FileStats | undefined;
  const { files } = context.outside;
  const attributes = new FileAttributes(files, config);
  let constants = attributes.of(path);
  let constant = encodeRecordAttributes(constants);
  let resource = new Map(configured);
  const encoding = configuredEncoding(config);
  const needsStats =
    config.include_file_owner_name ||
    config.include_file_owner_group_name ||
    config.include_file_permissions ||
    config.include_file_name_resolved ||
    config.include_file_path_resolved;
  return new ChunkReader({
    encoding,
    splitter: makeSplitter(config.multiline, encoding),
    maxLogSize: config.max_log_size,
    truncate: config.max_log_size_behavior === 'truncate',
    // Blanks at the start of a line, and blank lines, tell what belongs together.
    keepLeading: config.preserve_leading_whitespaces || has('recombine'),
    keepBlank: stages.recombine !== undefined || stages.rest[0]?.type === 'recombine',
    // A part of a line that a runtime cut may end in blanks, and goes on.
    keepTrailing: config.preserve_trailing_whitespaces || has('container'),
    takesBytes: stages.container !== undefined && encoding === findEncoding('utf-8'),
    keepsParts: config.storage !== undefined,
    fingerprintBytes: config.fingerprint_size,
    encoder,
    held,
    out,
    begin(file) {
      // The stats as well: another file of that name, or another owner.
      if (file.path !== path || (file.stats !== stats && needsStats)) {
        path = file.path;
        stats = file.stats;
        constants = attributes.of(path, stats);
        constant = encodeRecordAttributes(constants);
        if (stages.container?.add_metadata_from_filepath === true) {
          resource = new Map([...configured, ...kubernetesAttributes(files, path)]);
        }
      }
      const { clock } = context;
      out.begin({ file, resource, constant, constants, nowMs: clock.now(), monotonicMs: clock.monotonic() });
    },
    onCutLine: () => (metrics.longLines.value += 1),
    onSkippedNuls: (bytes) => (metrics.skippedNuls.value += bytes),
  });
}
