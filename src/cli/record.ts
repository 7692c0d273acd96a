import { parseArgs } from 'node:util';
import type { Source } from '../config/source.ts';
import { parseByteSize, parseDuration, byteSizeText } from '../core/settings.ts';
import { FixtureWriter } from '../replay/record/fixture-writer.ts';
import { Recorder } from '../replay/record/recorder.ts';
import { Redaction } from '../replay/record/redaction.ts';
import { TurnClock } from '../replay/record/turn-clock.ts';
import { nodeFileSystem } from '../storage/node-file-system.ts';
import { usage } from './options.ts';
import { run } from './run.ts';

const OPTIONS = {
  config: { type: 'string', multiple: true },
  set: { type: 'string', multiple: true },
  out: { type: 'string' },
  for: { type: 'string' },
  'max-size': { type: 'string' },
  redact: { type: 'string', multiple: true },
  title: { type: 'string' },
} as const;

const USUAL_LIMIT_BYTES = 100 * 2 ** 20;
const TOLD_EVERY_MS = 10_000;

/** `remora record`: as `run`, and what comes in is written down as a fixture, until a signal, the time or the size ends it. */
export async function record(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  const { config: configs = [], set: sets = [], out: folder, redact = [] } = values;
  if (configs.length === 0) throw usage('Name a configuration with --config <path>.');
  if (folder === undefined) throw usage('Name the new folder of the fixture with --out <folder>.');
  const forMs = values.for === undefined ? undefined : parseDuration(values.for);
  if (values.for !== undefined && forMs === undefined) throw usage('--for takes a duration, such as 5m.');
  const limitBytes = values['max-size'] === undefined ? USUAL_LIMIT_BYTES : parseByteSize(values['max-size']);
  if (limitBytes === undefined) throw usage('--max-size takes a size, such as 100MiB.');

  const enough = new AbortController();
  const onFull = (): void => {
    process.stderr.write(`The recording has ${byteSizeText(limitBytes)}; it ends.\n`);
    enough.abort();
  };
  const writer = await FixtureWriter.open({ folder, limitBytes, onFull });
  const redaction = new Redaction(redact);
  const clock = new TurnClock();
  const recorder = new Recorder({ clock, files: nodeFileSystem, writer, redaction });
  const told = setInterval(() => void process.stderr.write(progressText(recorder, writer)), TOLD_EVERY_MS);
  let timer: NodeJS.Timeout | undefined;
  let untilMs = 0;
  let instance = 'replay';
  let env: Readonly<Record<string, string>> = {};
  const code = await run(
    { configs, sets },
    {
      clock,
      outside: recorder.outside,
      until: enough.signal,
      onRunning(instanceId, { sources }) {
        instance = instanceId;
        env = variablesIn(sources, redaction);
        recorder.begin();
        if (forMs !== undefined) timer = setTimeout(() => enough.abort(), forMs);
      },
      onStopping: () => (untilMs = recorder.atMs),
    },
  );
  clearInterval(told);
  clearTimeout(timer);
  // It could not start: nothing was recorded, and the folder can be named again.
  if (!recorder.hasBegun) return code;
  const upstream = recorder.end();
  const title = values.title ?? `Recorded with ${configs.join(', ')}`;
  const { startMs } = recorder;
  const { description: redactions } = redaction;
  const settings = sets.map((set) => redaction.setting(set));
  await writer.close({ title, startMs, untilMs, instance, redactions, upstream, configs, sets: settings, env });
  process.stderr.write(progressText(recorder, writer));
  return code;
}

/** The environment variables that a configuration asks for, as they are. */
function variablesIn(sources: readonly Source[], redaction: Redaction): Record<string, string> {
  const names = new Set(sources.flatMap(({ text }) => Array.from(text.matchAll(VARIABLE), ([, name = '']) => name)));
  const env: Record<string, string> = {};
  for (const name of [...names].sort()) {
    const value = process.env[name];
    if (value !== undefined) env[name] = redaction.value(name, value);
  }
  return env;
}

const VARIABLE = /\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)/g;

function progressText({ recorded, atMs }: Recorder, { bytes }: FixtureWriter): string {
  const { requests, fileOperations, pages } = recorded;
  const seconds = Math.round(atMs / 1000);
  return `recorded ${seconds} s: ${requests} requests, ${fileOperations} changes of files, ${pages} pages, ${(bytes / 2 ** 20).toFixed(1)} MiB\n`;
}
