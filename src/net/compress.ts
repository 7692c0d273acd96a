import { promisify } from 'node:util';
import { constants, gzip, gzipSync, zstdCompress, zstdCompressSync } from 'node:zlib';

/** Compression of request bodies. Every figure here was measured: docs/decisions/0007-compression-levels.md. */
export type Compression = 'gzip' | 'zstd';

/** Twice (gzip) and 1.2 times (zstd) cheaper than the libraries' own defaults, for 7 % and 1 % more bytes. */
export const DEFAULT_LEVEL = { gzip: 1, zstd: 1 } as const satisfies Record<Compression, number>;

/**
 * Bodies up to this size are compressed at once on the calling thread, which takes about a millisecond and saves the
 * fifth to half that the way through the thread pool costs. Larger ones must not hold up the event loop.
 */
const AT_ONCE_BYTES = { gzip: 256 * 1024, zstd: 1024 * 1024 } as const satisfies Record<Compression, number>;

const gzipInPool = promisify(gzip);
const zstdInPool = promisify(zstdCompress);

/** `body` compressed, as one run of bytes; a promise when it is large. `body` is neither kept nor changed. */
export function compress(
  body: Uint8Array,
  compression: Compression,
  level: number = DEFAULT_LEVEL[compression],
): Uint8Array | Promise<Uint8Array> {
  const atOnce = body.byteLength <= AT_ONCE_BYTES[compression];
  const chunkSize = outputChunkBytes(body.byteLength);
  if (compression === 'gzip') {
    const options = { level, memLevel: 9, chunkSize };
    return atOnce ? gzipSync(body, options) : gzipInPool(body, options);
  }
  const options = { params: { [constants.ZSTD_c_compressionLevel]: level }, chunkSize };
  return atOnce ? zstdCompressSync(body, options) : zstdInPool(body, options);
}

/** Telemetry shrinks to a third or less, so the output usually fits one buffer: no second turn, no joining. */
function outputChunkBytes(bodyBytes: number): number {
  return Math.min(1024 * 1024, Math.max(1024, Math.ceil(bodyBytes / 2)));
}
