/** UTF-16, by where its empty bytes are. */
export type WideEncoding = 'little-endian' | 'big-endian';

/** Bytes that tell what the rest is. */
const SAMPLE_BYTES = 4096;
/** The least share of pairs with an empty byte on one side, and the most with one on the other. */
const MIN_SHARE = 0.25;
const MAX_OTHER_SHARE = 0.02;

/**
 * The encoding of texts in which every other byte may be empty, as those of Latin letters are in UTF-16; undefined for others.
 */
export function wideEncodingOf(content: Uint8Array): WideEncoding | undefined {
  const end = Math.min(content.length, SAMPLE_BYTES);
  if (content.subarray(0, end).indexOf(0) < 0) return undefined;
  let [first, second] = [0, 0];
  for (let at = 0; at + 1 < end; at += 2) {
    if (content[at] === 0) first += 1;
    if (content[at + 1] === 0) second += 1;
  }
  const pairs = end / 2;
  if (second >= pairs * MIN_SHARE && first <= pairs * MAX_OTHER_SHARE) return 'little-endian';
  return first >= pairs * MIN_SHARE && second <= pairs * MAX_OTHER_SHARE ? 'big-endian' : undefined;
}

/** Bytes that are no UTF-8, with the texts between them redacted: what `redact` leaves alone stays as it is, byte for byte. */
export function plainBytes(content: Uint8Array, redact: (text: string) => string): Buffer {
  const bytes = Buffer.from(content);
  const wide = wideEncodingOf(bytes);
  if (wide === undefined) return Buffer.from(redact(bytes.toString('latin1')), 'latin1');
  const even = bytes.length - (bytes.length % 2);
  const [units, rest] = [bytes.subarray(0, even), bytes.subarray(even)];
  if (wide === 'little-endian') return Buffer.concat([utf16(redact(units.toString('utf16le'))), rest]);
  // The copy is ours to turn round.
  return Buffer.concat([utf16(redact(units.swap16().toString('utf16le'))).swap16(), rest]);
}

function utf16(text: string): Buffer {
  return Buffer.from(text, 'utf16le');
}
