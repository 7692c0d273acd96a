import * as zlib from 'node:zlib';
import type { Admitted } from '../core/component.ts';
import { errorMessage, RemoraError } from '../core/errors.ts';

export type Coding = 'gzip' | 'deflate' | 'zstd';

/** Output up to this size is inflated at once (about 2 ms); more goes to the thread pool so that the loop stays free. */
const SYNC_BYTES = 1024 * 1024;
const SYNC_INPUT_BYTES = 256 * 1024;
const CHUNK_BYTES = 64 * 1024;
/** Window of 8 MiB: what RFC 9659 makes every zstd sender keep to. A larger one is memory at the sender's word. */
const ZSTD_WINDOW_LOG = 23;
/** Inflating at the same time at most: the thread pool has four threads, and each stream holds a window. */
const CONCURRENT = 4;

export interface InflateLimits {
  /** Of the result. Throws payload_too_large as soon as it is passed, however much would follow. */
  readonly limitBytes: number;
  /** Grows to cover input and output; throws admission_full when it cannot. */
  readonly admitted: Admitted;
}

/**
 * Undoes a content coding. A bomb is stopped while it inflates. Settles in the same turn where the result is small.
 * Throws payload_too_large, payload_malformed or admission_full.
 */
export async function inflate(coding: Coding, body: Uint8Array, limits: InflateLimits): Promise<Uint8Array> {
  const small = body.length <= SYNC_INPUT_BYTES ? tryInflateNow(coding, body, limits.limitBytes) : undefined;
  if (small !== undefined) {
    mustFit(limits.admitted, body.length + small.length);
    return small;
  }
  await turnstile.enter();
  try {
    return await inflateInPool(coding, body, limits);
  } finally {
    turnstile.leave();
  }
}

/** Undefined when the result is larger than SYNC_BYTES. */
function tryInflateNow(coding: Coding, body: Uint8Array, limitBytes: number): Uint8Array | undefined {
  const maxOutputLength = Math.max(1, Math.min(SYNC_BYTES, limitBytes));
  const options = { maxOutputLength, chunkSize: chunkSizeFor(coding, body, maxOutputLength) };
  try {
    return exact(decoderOf(coding, body).now(body, options));
  } catch (error) {
    if (!isTooLarge(error)) throw malformedBody(coding, error);
    if (limitBytes <= SYNC_BYTES) throw tooLarge(limitBytes);
    return undefined;
  }
}

/** One output buffer of about the right size saves joining several: gzip ends with its length, others are guessed. */
function chunkSizeFor(coding: Coding, body: Uint8Array, maxBytes: number): number {
  const announced = coding === 'gzip' && body.length >= 18 ? lastUint32(body) : body.length * 4;
  return Math.min(Math.max(announced + 64, 1024), maxBytes + 64);
}

function lastUint32(body: Uint8Array): number {
  return new DataView(body.buffer, body.byteOffset, body.length).getUint32(body.length - 4, true);
}

/** Without the slack of its parent, which the batch would pin. */
function exact(bytes: Buffer): Uint8Array {
  return bytes.buffer.byteLength - bytes.length > bytes.length / 2 ? new Uint8Array(bytes) : bytes;
}

async function inflateInPool(coding: Coding, body: Uint8Array, limits: InflateLimits): Promise<Uint8Array> {
  const stream = decoderOf(coding, body).stream({ chunkSize: CHUNK_BYTES });
  const parts: Buffer[] = [];
  let length = 0;
  stream.end(body);
  try {
    for await (const part of stream as AsyncIterable<Buffer>) {
      length += part.length;
      if (length > limits.limitBytes) throw tooLarge(limits.limitBytes);
      mustFit(limits.admitted, body.length + length);
      parts.push(part);
    }
  } catch (error) {
    throw error instanceof RemoraError ? error : malformedBody(coding, error);
  } finally {
    stream.destroy();
  }
  return Buffer.concat(parts, length);
}

interface Decoder {
  now(body: Uint8Array, options: { maxOutputLength: number; chunkSize: number }): Buffer;
  stream(options: { chunkSize: number }): zlib.Gunzip | zlib.Inflate | zlib.InflateRaw | zlib.ZstdDecompress;
}

const ZSTD_PARAMS = { params: { [zlib.constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG } };
const GZIP: Decoder = { now: (body, options) => zlib.gunzipSync(body, options), stream: (o) => zlib.createGunzip(o) };
const ZLIB: Decoder = { now: (body, options) => zlib.inflateSync(body, options), stream: (o) => zlib.createInflate(o) };
const RAW: Decoder = {
  now: (body, options) => zlib.inflateRawSync(body, options),
  stream: (options) => zlib.createInflateRaw(options),
};
const ZSTD: Decoder = {
  now: (body, options) => zlib.zstdDecompressSync(body, { ...ZSTD_PARAMS, ...options }),
  stream: (options) => zlib.createZstdDecompress({ ...ZSTD_PARAMS, ...options }),
};

function decoderOf(coding: Coding, body: Uint8Array): Decoder {
  if (coding === 'gzip') return GZIP;
  if (coding === 'zstd') return ZSTD;
  return hasZlibHeader(body) ? ZLIB : RAW;
}

/** `deflate` means the zlib format (RFC 9110, 8.4.1.2), but some senders leave its two-byte header out. */
function hasZlibHeader(body: Uint8Array): boolean {
  const [method = 0, flags = 0] = body;
  return (method & 0x0f) === 8 && method >> 4 <= 7 && ((method << 8) | flags) % 31 === 0;
}

function mustFit(admitted: Admitted, bytes: number): void {
  if (!admitted.tryResize(bytes)) throw new RemoraError('admission_full', 'Too many bytes are being received at once.');
}

function isTooLarge(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
}

function tooLarge(limitBytes: number): RemoraError {
  return new RemoraError('payload_too_large', `The request is larger than ${limitBytes} bytes once decompressed.`);
}

function malformedBody(coding: Coding, cause: unknown): RemoraError {
  const message = `The body is not valid ${coding}: ${errorMessage(cause)}.`;
  return new RemoraError('payload_malformed', message, { cause });
}

/** Lets CONCURRENT through at a time, the rest in order. Those who wait hold an admission, so they are bounded too. */
class Turnstile {
  #inside = 0;
  readonly #waiting: (() => void)[] = [];

  enter(): Promise<void> | undefined {
    if (this.#inside < CONCURRENT) {
      this.#inside += 1;
      return undefined;
    }
    return new Promise((resolve) => void this.#waiting.push(resolve));
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#inside -= 1;
    else next();
  }
}

const turnstile = new Turnstile();
