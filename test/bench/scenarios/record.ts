import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { systemClock } from '../../../src/core/clock.ts';
import { seededRandom } from '../../../src/core/random.ts';
import { FixtureWriter } from '../../../src/replay/record/fixture-writer.ts';
import { keyedPlaceholders } from '../../../src/replay/record/placeholders.ts';
import { Recorder } from '../../../src/replay/record/recorder.ts';
import { Redaction } from '../../../src/replay/record/redaction.ts';
import { nodeFileSystem } from '../../../src/storage/node-file-system.ts';
import { tracePayload } from '../payload.ts';
import type { CeilingScenario } from '../scenario.ts';

const SPANS = 512;
const PASSES = 5;

/** CPU time that a recording adds to each span of a run, from the request to the file. */
export function recordCost(name: string, ceiling: number): CeilingScenario {
  return {
    kind: 'ceiling',
    name,
    unit: 'µs per span',
    ceiling,
    async run({ smoke }) {
      const folder = await mkdtemp(join(tmpdir(), 'remora-bench-'));
      try {
        const { send, end } = await recording(join(folder, 'fixture'));
        const requests = smoke ? 10 : 200;
        // The quietest of several: others on the machine only add.
        let least = Infinity;
        for (let pass = 0; pass < PASSES; pass++) {
          const before = process.cpuUsage();
          for (let i = 0; i < requests; i++) await send();
          const { user, system } = process.cpuUsage(before);
          least = Math.min(least, (user + system) / (requests * SPANS));
        }
        const megabytes = await end();
        return { value: least, detail: `${megabytes.toFixed(0)} MB written` };
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}

async function recording(folder: string): Promise<{ send: () => Promise<void>; end: () => Promise<number> }> {
  const onEnd = (_why: string, message: string): never => {
    throw new Error(message);
  };
  const writer = await FixtureWriter.open({ folder, limitBytes: 2 ** 30, onEnd });
  const redaction = new Redaction([], keyedPlaceholders());
  const recorder = new Recorder({ clock: systemClock, files: nodeFileSystem, writer, redaction });
  recorder.begin();
  const { tap } = recorder.outside;
  if (tap === undefined) throw new Error('A recorder has a tap.');
  const { bytes } = tracePayload(SPANS, seededRandom('record'));
  const headers = { 'user-agent': 'OTel-OTLP-Exporter-JavaScript/0.203.0' };
  return {
    async send() {
      const request = { receiverId: 'otlp', transport: 'http', signal: 'traces', bytes, headers } as const;
      tap.request(request)({ outcome: 'accepted', message: '', rejectedItems: 0 });
      // As between requests, so that the system takes what was written.
      await turn();
    },
    async end() {
      recorder.end();
      await writer.close();
      return writer.bytes / 1e6;
    },
  };
}
