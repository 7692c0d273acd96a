import type { Coding } from '../../net/decompress.ts';

export type Encoding = 'proto' | 'json';
export type BodyCoding = Coding | 'identity';

/** The encoding that a Content-Type names, whatever its case and parameters. */
export function encodingOf(contentType: string | undefined): Encoding | undefined {
  switch (contentType) {
    case 'application/x-protobuf':
      return 'proto';
    case 'application/json':
      return 'json';
    case undefined:
      return undefined;
    default:
      return encodingOfMediaType(contentType.split(';', 1)[0]?.trim().toLowerCase());
  }
}

function encodingOfMediaType(mediaType: string | undefined): Encoding | undefined {
  if (mediaType === 'application/x-protobuf') return 'proto';
  return mediaType === 'application/json' ? 'json' : undefined;
}

const CODING: Readonly<Record<string, BodyCoding>> = {
  '': 'identity',
  identity: 'identity',
  gzip: 'gzip',
  'x-gzip': 'gzip',
  deflate: 'deflate',
  zlib: 'deflate',
  zstd: 'zstd',
};

/** The one coding of the body; undefined for one that is unknown or not `allowed`, and for a list of several. */
export function bodyCodingOf(
  contentEncoding: string | undefined,
  allowed: ReadonlySet<string>,
): BodyCoding | undefined {
  if (contentEncoding === undefined) return 'identity';
  const name = contentEncoding.trim().toLowerCase();
  const coding = Object.hasOwn(CODING, name) ? CODING[name] : undefined;
  if (coding === undefined || coding === 'identity') return coding;
  return allowed.has(name === 'x-gzip' ? 'gzip' : name) ? coding : undefined;
}

/** The path of a request target, in origin form or absolute form; never throws. */
export function pathOf(target: string): string {
  const path = target.startsWith('/') ? target : target.replace(/^https?:\/\/[^/?#]*/i, '');
  const end = path.search(/[?#]/);
  return end === -1 ? path : path.slice(0, end);
}
