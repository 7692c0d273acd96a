/**
 * Prints for each replay of the fixtures a hash of all that came, `<fixture>/<replay> <hash>`: the same with every version of
 * Node. REPLAYS=20 replays each so many times; exit code 1 when one gives other bytes than before, or is not as expected.
 */
import { join } from 'node:path';
import { jobsOf } from '../../src/replay/jobs.ts';
import { runJob } from '../../src/replay/run-job.ts';

const TIMES = Number(process.env['REPLAYS'] ?? 1);

for (const job of await jobsOf([join(import.meta.dirname, '../../fixtures')], undefined)) {
  const digests = new Set<string>();
  for (let time = 0; time < TIMES; time++) {
    const { status, digest = status } = await runJob(job, { update: false });
    digests.add(status === 'passed' ? digest : status);
  }
  process.stdout.write(`${job.name} ${[...digests].join(' ')}\n`);
  if (digests.size > 1 || [...digests].some((one) => !/^[0-9a-f]{64}$/.test(one))) process.exitCode = 1;
}
