/**
 * Divides `total` among shares in proportion to `weights`, in whole numbers that sum to `total` and never exceed their
 * weight: how many of the items that an upstream refused are told to each of the senders that went out in one request,
 * because the upstream does not say whose they were. A total above the sum of the weights is cut to it.
 */
export function shareOut(total: number, weights: readonly number[]): number[] {
  const sum = weights.reduce((all, weight) => all + weight, 0);
  const bounded = Math.min(total, sum);
  let seen = 0;
  let given = 0;
  return weights.map((weight) => {
    seen += weight;
    const upTo = sum === 0 ? 0 : Math.floor((bounded * seen) / sum);
    const share = upTo - given;
    given = upTo;
    return share;
  });
}
