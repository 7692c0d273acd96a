import type { ReceiverContext } from '../../../core/component.ts';
import type { FilelogConfig } from '../config.ts';
import type { FilelogMetrics } from '../metrics.ts';
import { compileGraph } from '../operators/graph.ts';
import { ChunkReader } from '../reading/chunk-reader.ts';
import { CUT_KEY, encodeRecordAttributes, fileAttributes, RECORD_NUMBER_KEY, RECORD_OFFSET_KEY } from './constants.ts';
import { EntryEncoder } from './entry-encoder.ts';
import { JsonEncoder, jsonPlan } from './json-encoder.ts';
import { rawEncoder } from './raw-encoder.ts';
import { RecordWriter, type LineEncoder } from './record-writer.ts';

/** The reader for a configuration: which encoder writes the records, and what they all have. */
export function makeReader(config: FilelogConfig, context: ReceiverContext, metrics: FilelogMetrics): ChunkReader {
  const out = new RecordWriter({
    recordNumbers: config.include_file_record_number,
    recordOffsets: config.include_file_record_offset,
  });
  const resource = new Map(Object.entries(config.resource));
  // Constant attributes of the file that was read last.
  let path = '';
  let constants = fileAttributes(config, path);
  let constant = encodeRecordAttributes(constants);
  return new ChunkReader({
    maxLogSize: config.max_log_size,
    truncate: config.max_log_size_behavior === 'truncate',
    keepLeading: config.preserve_leading_whitespaces,
    keepTrailing: config.preserve_trailing_whitespaces,
    fingerprintBytes: config.fingerprint_size,
    encoder: makeEncoder(config, context, metrics, out),
    out,
    begin(file) {
      if (file.path !== path) {
        path = file.path;
        constants = fileAttributes(config, path);
        constant = encodeRecordAttributes(constants);
      }
      out.begin({ resource, constant, constants, nowMs: context.clock.now() });
    },
    onCutLine: () => (metrics.longLines.value += 1),
    onSkippedNuls: (bytes) => (metrics.skippedNuls.value += bytes),
  });
}

function makeEncoder(
  config: FilelogConfig,
  context: ReceiverContext,
  metrics: FilelogMetrics,
  out: RecordWriter,
): LineEncoder {
  const { operators } = config;
  if (operators.every(({ type }) => type === 'noop')) return rawEncoder;
  const { log, random } = context;
  const { parseErrors, droppedLines } = metrics;
  const entries = new EntryEncoder(out, (end) =>
    compileGraph(operators, end, { log, random, parseErrors, droppedLines }),
  );
  const plan = jsonPlan(operators);
  if (plan === undefined) return entries;
  const constantKeys = [...fileAttributes(config, '').keys(), CUT_KEY, RECORD_NUMBER_KEY, RECORD_OFFSET_KEY];
  return new JsonEncoder(plan, constantKeys, entries);
}
