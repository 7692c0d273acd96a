import { utf8 } from '../../otlp/wire.ts';

/** A name of a metric that was seen. */
export interface KnownName {
  readonly bytes: Uint8Array;
  readonly text: string;
  /** Whether some transform means metrics of this name, before any has run. */
  readonly isMeant: boolean;
}

/**
 * Names of metrics by their bytes, so that one that was seen is not decoded and not matched again.
 * Invariant: each name has one place, by its hash, which it shares with others: the last that came is there.
 */
export class NameTable {
  readonly #isMeant: (name: string) => boolean;
  readonly #places = new Array<KnownName | undefined>(PLACES);

  constructor(isMeant: (name: string) => boolean) {
    this.#isMeant = isMeant;
  }

  /** The name bytes[start, end). */
  find(bytes: Uint8Array, start: number, end: number): KnownName {
    let hash = end - start;
    for (let at = start; at < end; at++) hash = Math.imul(hash ^ (bytes[at] ?? 0), 0x01000193);
    const place = (hash ^ (hash >>> 15)) & (PLACES - 1);
    const known = this.#places[place];
    if (known !== undefined && isSame(known.bytes, bytes, start, end)) return known;
    const text = utf8(bytes, start, end);
    // A copy: the bytes of the batch are written over later.
    const name = { bytes: new Uint8Array(bytes.subarray(start, end)), text, isMeant: this.#isMeant(text) };
    if (end - start <= MAX_BYTES) this.#places[place] = name;
    return name;
  }
}

function isSame(known: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (known.length !== end - start) return false;
  for (let at = 0; at < known.length; at++) if (known[at] !== bytes[start + at]) return false;
  return true;
}

const PLACES = 4096;
/** Longer names are not remembered. */
const MAX_BYTES = 256;
