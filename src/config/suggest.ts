/** "Did you mean": the candidate nearest to what was written, if any is near enough to be meant. */
export function nearest(written: string, candidates: Iterable<string>): string | undefined {
  const from = fold(written);
  let best: string | undefined;
  let bestScore = Math.max(1, Math.floor(from.length / 3)) + 0.75;
  for (const candidate of candidates) {
    const score = distance(from, fold(candidate));
    if (score >= bestScore) continue;
    best = candidate;
    bestScore = score;
  }
  return best;
}

export function didYouMean(written: string, candidates: Iterable<string>): string | undefined {
  const meant = nearest(written, candidates);
  return meant === undefined ? undefined : `did you mean "${meant}"?`;
}

/** `queueSize`, `queue-size` and `queue_size` are one word. */
function fold(name: string): string {
  return name.toLowerCase().replaceAll(/[-_]/g, '');
}

/** Beginnings shorter than this match too much; exact ones may be a little shorter. */
const SHORTEST_PREFIX = 4;
const SHORTEST_START = 3;

/** What is written behind a whole candidate costs more than one slip, and less than two. */
const LONGER = 1.5;

/**
 * Edits (insert, delete, replace, swap neighbours) from `a` to `b`. When `a` is near the beginning of a longer `b`, the
 * rest costs half an edit: `retyr` is near `retry_on_failure`. So is the other way round, a little less: `warning` is
 * near `warn`.
 */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) row.push(cell(a, b, { i, j }, { before, last, row }));
    before = last;
    last = row;
  }
  const whole = last[b.length] ?? 0;
  if (a.length >= SHORTEST_START && b.startsWith(a)) return Math.min(whole, 0.5);
  if (b.length >= SHORTEST_PREFIX && a.startsWith(b)) return Math.min(whole, LONGER);
  return a.length < SHORTEST_PREFIX ? whole : Math.min(whole, Math.min(...last.slice(1)) + 0.5);
}

interface Rows {
  readonly before: readonly number[];
  readonly last: readonly number[];
  readonly row: readonly number[];
}

function cell(a: string, b: string, at: { i: number; j: number }, rows: Rows): number {
  const { i, j } = at;
  const same = a[i - 1] === b[j - 1];
  const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
  return Math.min(
    (rows.last[j] ?? 0) + 1,
    (rows.row[j - 1] ?? 0) + 1,
    (rows.last[j - 1] ?? 0) + (same ? 0 : 1),
    swapped ? (rows.before[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
  );
}
