/** Tokens that a service gives a prefix, so that they are known wherever they stand. */

/** How one begins, which a text has to hold, and how it goes on. */
type KnownToken = readonly [prefix: string, rest: string];

const HEX = '[0-9a-f]';

export const KNOWN_TOKENS: readonly KnownToken[] = [
  ['gh[pousr]_', '[A-Za-z0-9]{20,}'],
  ['github_pat_', String.raw`\w{20,}`],
  ['gl(?:pat|oat|rt|dt|ptt|cbt|ft|soat|agent)-', String.raw`[\w-]{16,}`],
  ['xox[a-z]', String.raw`(?:\.xox[a-z])?-[\w-]{10,}`],
  ['xapp-', String.raw`[\w-]{10,}`],
  ['A(?:KIA|SIA)', '[0-9A-Z]{16}(?![0-9A-Za-z])'],
  ['sk-', String.raw`(?!(?:[a-z]+-)*[a-z]+(?![\w-]))[\w-]{20,}`],
  ['[rs]k_(?:live|test)_', '[A-Za-z0-9]{10,}'],
  ['whsec_', '[A-Za-z0-9+/]{16,}={0,2}'],
  ['AIza', String.raw`[\w-]{35}`],
  [String.raw`ya29\.`, String.raw`[\w-]{20,}`],
  ['GOCSPX-', String.raw`[\w-]{20,}`],
  ['npm_', '[A-Za-z0-9]{36}'],
  ['pypi-AgEI', String.raw`[\w-]{16,}`],
  ['dckr_[po]at_', String.raw`[\w-]{16,}`],
  ['hf_', '[A-Za-z0-9]{30,}'],
  [String.raw`SG\.`, String.raw`[\w-]{16,}\.[\w-]{16,}`],
  ['do[opr]_v1_', `${HEX}{40,}`],
  ['shp(?:at|ca|pa|ss)_', '[0-9A-Fa-f]{32}'],
  ['dapi', `${HEX}{32}`],
  ['gl(?:sa|c)_', String.raw`[\w+/]{20,}={0,2}`],
  ['key-', `${HEX}{32}(?![0-9A-Za-z])`],
  ['NRAK-', '[0-9A-Z]{20,}'],
  ['lin_api_', '[A-Za-z0-9]{20,}'],
  [String.raw`hv[sbr]\.`, String.raw`[\w-]{20,}`],
  ['AGE-SECRET-KEY-1', '[0-9A-Z]{20,}'],
  // JSON in base64, and a dot: a web token, signed or encrypted.
  ['eyJ', String.raw`[\w-]{8,}(?:\.eyJ[\w-]{8,}(?:\.[\w-]*)?|\.[\w-]{8,}(?:\.[\w-]*){1,3}|\.(?:\.[\w-]{8,}){3})`],
];
