import { MutableBits56, type Bits56 } from './bits56.ts';

/** The length of a trace id in bytes. */
export const TRACE_ID_BYTES = 16;

/** Of what is kept by every threshold. */
export const ALWAYS_KEPT: Bits56 = { high: 0xffffff, low: 0xffffffff };

/** 56 bits that are the same wherever a trace is sampled. */
export class Randomness extends MutableBits56 {
  /** The last 7 bytes of the 16 at `at`. Source: W3C Trace Context Level 2, "Randomness of trace-id". */
  readTraceId(bytes: Uint8Array, at: number): this {
    this.high = traceIdHigh(bytes, at);
    this.low = traceIdLow(bytes, at) >>> 0;
    return this;
  }

  /** What the Collector's mode hash_seed makes of a hash of 32 bits. */
  readHash(hash: number): this {
    this.high = hashHigh(hash);
    this.low = hashLow(hash) >>> 0;
    return this;
  }
}

// The two halves of the randomness, as numbers of 32 bits with a sign: those who read many of them do without an object.

export function traceIdHigh(bytes: Uint8Array, at: number): number {
  return ((bytes[at + 9] ?? 0) << 16) | ((bytes[at + 10] ?? 0) << 8) | (bytes[at + 11] ?? 0);
}

export function traceIdLow(bytes: Uint8Array, at: number): number {
  const upper = ((bytes[at + 12] ?? 0) << 24) | ((bytes[at + 13] ?? 0) << 16);
  return upper | ((bytes[at + 14] ?? 0) << 8) | (bytes[at + 15] ?? 0);
}

/**
 * Spreads the 32 bits of a hash over 56, so that the first 14 decide as the Collector's buckets do:
 *
 *   14 bits  16383 - hash % 16384  |  28 bits  of the rest of the hash  |  14 bits  hash % 16384
 *
 * Source: Collector, processor/probabilisticsamplerprocessor, mode hash_seed.
 */
export function hashHigh(hash: number): number {
  return ((0x3fff - (hash & 0x3fff)) << 10) | (mixedRest(hash) >>> 18);
}

export function hashLow(hash: number): number {
  return ((mixedRest(hash) & 0x3ffff) << 14) | (hash & 0x3fff);
}

function mixedRest(hash: number): number {
  const rest = hash >>> 18;
  return rest ^ (rest << 10);
}

/** True unless all 16 bytes at `at` are zero, which W3C calls an invalid id. */
export function isTraceId(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < TRACE_ID_BYTES; i++) if (bytes[at + i] !== 0) return true;
  return false;
}

/** FNV-1a of 32 bits over the seed, least significant byte first: what `hashBytes` goes on from. */
export function hashOfSeed(seed: number): number {
  const bytes = Uint8Array.of(seed & 255, (seed >>> 8) & 255, (seed >>> 16) & 255, seed >>> 24);
  return hashBytes(0x811c9dc5, bytes, 0, bytes.length);
}

/** Goes on with FNV-1a. */
export function hashBytes(hash: number, bytes: Uint8Array, start: number, end: number): number {
  let state = hash;
  for (let at = start; at < end; at++) state = Math.imul(state ^ (bytes[at] ?? 0), 0x01000193);
  return state >>> 0;
}
