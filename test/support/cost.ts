/**
 * What `work` costs, as a multiple of reading a MiB byte by byte on the same machine a moment before. CPU time of this
 * process, so that waiting for a CPU costs nothing, and the cheapest of some rounds, so that neither a collection nor a
 * machine that stands still in some of them counts.
 */
export function costOf(work: () => unknown, rounds = 5): number {
  return cheapestMicros(work, rounds) / cheapestMicros(readMiB, 10);
}

const MIB = Uint8Array.from({ length: 2 ** 20 }, (_, at) => at);
let sum = 0;

function readMiB(): void {
  for (let at = 0; at < MIB.length; at++) sum = (sum + (MIB[at] ?? 0)) | 0;
}

function cheapestMicros(work: () => unknown, rounds: number): number {
  let cheapest = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    cheapest = Math.min(cheapest, user + system);
  }
  return Math.max(1, cheapest);
}
