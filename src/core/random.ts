/** Uniform numbers in [0, 1); injected so that a run can be repeated and a fleet can be spread. */
export type Random = () => number;

/** 32 uniform bits as a signed integer, of one draw. */
export function randomWord(random: Random): number {
  return Math.floor(random() * 2 ** 32) | 0;
}

/** FNV-1a over UTF-16 code units, 32 bits: stable across processes and versions, so seeds and hashes are too. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash ^= text.charCodeAt(i);
    hash = Math.imul(hash, 0x01000193);
  }
  return hash >>> 0;
}

/** Mulberry32: 2^32 states, uniform enough for jitter and seeds; not for secrets. */
export function seededRandom(seed: string): Random {
  let state = hash32(seed);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `valueMs` moved uniformly inside plus or minus `fraction` of itself. */
export function jittered(valueMs: number, fraction: number, random: Random): number {
  return valueMs * (1 + fraction * (2 * random() - 1));
}
