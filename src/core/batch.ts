import type { Signal } from './signal.ts';

/**
 * An immutable run of telemetry as the bytes of an OTLP Export request. The chunks end to end are one valid
 * ExportXServiceRequest, each cut at a ResourceX boundary: joining is array concatenation, splitting between resources
 * is `subarray()`. Nobody may write to the bytes once a Batch exists, until its last holder has let it go (`reuse.ts`:
 * who keeps a batch, or gives it to several, says so with `keepBytes`).
 */
export interface Batch {
  readonly signal: Signal;
  readonly chunks: readonly Uint8Array[];
  /** Encoded size in bytes: the sum of the chunk lengths. */
  readonly bytes: number;
  /** Spans, data points or log records. */
  readonly items: number;
  /**
   * What the request that brought it said of itself, where a receiver was asked for it (`include_metadata`). It goes as
   * far as the batch stays that request: whoever joins batches drops it, and so do the queues of exporters.
   */
  readonly metadata?: Metadata;
}

/** Headers of a request by their names in lower case, without those of credentials. At most 16 KiB. */
export type Metadata = ReadonlyMap<string, string>;

/** Never part of metadata, so that no processor, log or metric can show them. */
export const CREDENTIAL_HEADERS: ReadonlySet<string> = new Set(['authorization', 'cookie', 'proxy-authorization']);

export function makeBatch(signal: Signal, chunks: readonly Uint8Array[], items: number): Batch {
  let bytes = 0;
  for (const chunk of chunks) bytes += chunk.byteLength;
  return { signal, chunks, bytes, items };
}

/** What is left of a batch, or a part of it: of the same request. */
export function partOfBatch(batch: Batch, chunks: readonly Uint8Array[], items: number): Batch {
  const part = makeBatch(batch.signal, chunks, items);
  return batch.metadata === undefined ? part : { ...part, metadata: batch.metadata };
}

export function withoutMetadata(batch: Batch): Batch {
  if (batch.metadata === undefined) return batch;
  const { signal, chunks, bytes, items } = batch;
  return { signal, chunks, bytes, items };
}

/** Joins batches of one signal by listing their chunks; no byte is copied. Metadata does not survive it. */
export function joinBatches(batches: readonly Batch[]): Batch {
  const first = batches[0];
  if (first === undefined) throw new RangeError('joinBatches needs at least one batch.');
  if (batches.length === 1) return withoutMetadata(first);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  let items = 0;
  for (const batch of batches) {
    if (batch.signal !== first.signal) throw new TypeError('joinBatches needs batches of one signal.');
    for (const chunk of batch.chunks) chunks.push(chunk);
    bytes += batch.bytes;
    items += batch.items;
  }
  return { signal: first.signal, chunks, bytes, items };
}

/** The batch as one run of bytes; copies only when there is more than one chunk. */
export function batchBytes(batch: Batch): Uint8Array {
  const only = batch.chunks.length === 1 ? batch.chunks[0] : undefined;
  return only ?? Buffer.concat(batch.chunks, batch.bytes);
}

/**
 * Bytes of memory the batch keeps alive: a `subarray` pins its whole parent, so each distinct parent counts in full.
 */
export function retainedBytes(batch: Batch): number {
  const only = batch.chunks.length === 1 ? batch.chunks[0] : undefined;
  if (only !== undefined) return only.buffer.byteLength;
  const parents = new Set<ArrayBufferLike>();
  let bytes = 0;
  for (const { buffer } of batch.chunks) {
    if (parents.has(buffer)) continue;
    parents.add(buffer);
    bytes += buffer.byteLength;
  }
  return bytes;
}

/** The same telemetry holding no more memory than it must: copied when it uses under half of what it pins. */
export function compactBatch(batch: Batch): Batch {
  return batch.bytes * 2 >= retainedBytes(batch) ? batch : copyBatch(batch);
}

/** The same telemetry in one chunk of its own. */
export function copyBatch(batch: Batch): Batch {
  const copy = new Uint8Array(batch.bytes);
  let at = 0;
  for (const chunk of batch.chunks) {
    copy.set(chunk, at);
    at += chunk.byteLength;
  }
  return { ...batch, chunks: [copy] };
}
