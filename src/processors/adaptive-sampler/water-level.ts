/**
 * How high water stands that is poured over demands, each of which holds no more than it asks for: the sum of
 * min(demand, level) is `budget`. Whoever asks for less than the level has all of it, and all others the same.
 *
 *   level ─ ─ ─ ─┬───┐─ ─ ─ ─ ┬───┐
 *          ┌───┐ │ x │        │ x │      x: what is not given
 *   ┌───┐  │   │ │   │ ┌───┐  │   │
 *
 * Infinity when there is enough for all. Demands and the budget are at least 0; only the first `count` demands count.
 */
export function waterLevel(demands: Float64Array, count: number, budget: number): number {
  let level = 0;
  for (;;) {
    let left = budget;
    let above = 0;
    for (let i = 0; i < count; i++) {
      const demand = demands[i] ?? 0;
      if (demand > level) above += 1;
      else left -= demand;
    }
    if (above === 0) return Number.POSITIVE_INFINITY;
    // Never under the level before: who is under it asked for less than an equal part.
    const next = Math.max(0, left / above);
    if (next <= level) return next;
    level = next;
  }
}
