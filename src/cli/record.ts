import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import type { Plan } from '../config/plan.ts';
import type { Source } from '../config/source.ts';
import { errorMessage } from '../core/errors.ts';
import { parseByteSize, parseDuration } from '../core/settings.ts';
import { sendingExporters } from '../replay/counted-exporters.ts';
import { FixtureWriter, type FixtureWriterOptions } from '../replay/record/fixture-writer.ts';
import { manifestText, type ManifestParts } from '../replay/record/manifest-text.ts';
import { Recorder } from '../replay/record/recorder.ts';
import { keyedPlaceholders } from '../replay/record/placeholders.ts';
import { Redaction } from '../replay/record/redaction.ts';
import { TurnClock } from '../replay/record/turn-clock.ts';
import { nodeFileSystem } from '../storage/node-file-system.ts';
import { EXIT, usage } from './options.ts';
import { run } from './run.ts';

const OPTIONS = {
  config: { type: 'string', multiple: true },
  set: { type: 'string', multiple: true },
  out: { type: 'string' },
  for: { type: 'string' },
  'max-size': { type: 'string' },
  redact: { type: 'string', multiple: true },
  title: { type: 'string' },
  'then-run': { type: 'boolean' },
} as const;

const USUAL_LIMIT_BYTES = 100 * 2 ** 20;
const TOLD_EVERY_MS = 10_000;

interface RecordOptions {
  readonly configs: readonly string[];
  readonly sets: readonly string[];
  readonly folder: string;
  readonly forMs: number | undefined;
  readonly limitBytes: number;
  readonly redact: readonly string[];
  readonly title: string;
  /** The run goes on when the recording is done, and where there can be none. */
  readonly thenRun: boolean;
}

/**
 * `remora record`: as `run`, and what comes in is written down as a fixture, until a signal, the time or the size ends it.
 * Where the disk takes no more, the recording ends, the run goes on, and the exit code is 1. With `--then-run` the same run goes on
 * after the time or the size, too, and runs without a recording where there can be none.
 */
export async function record(args: readonly string[]): Promise<number> {
  return await new Recording(optionsOf(args)).run();
}

function optionsOf(args: readonly string[]): RecordOptions {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  const { config: configs = [], set: sets = [], out: folder, redact = [] } = values;
  if (configs.length === 0) throw usage('Name a configuration with --config <path>.');
  const inline = configs.find((config) => /^(?:yaml|env):/.test(config));
  if (inline !== undefined) throw usage('A replay reads the configuration again: name files with --config <path>.');
  if (folder === undefined) throw usage('Name the new folder of the fixture with --out <folder>.');
  const forMs = values.for === undefined ? undefined : parseDuration(values.for);
  if (values.for !== undefined && forMs === undefined) throw usage('--for takes a duration, such as 5m.');
  const limitBytes = values['max-size'] === undefined ? USUAL_LIMIT_BYTES : parseByteSize(values['max-size']);
  if (limitBytes === undefined) throw usage('--max-size takes a size, such as 100MiB.');
  const title = values.title ?? `Recorded with ${configs.map((config) => basename(withoutScheme(config))).join(', ')}`;
  const thenRun = values['then-run'] ?? false;
  return { configs: configs.map(withoutScheme), sets, folder, forMs, limitBytes, redact, title, thenRun };
}

function withoutScheme(config: string): string {
  return config.replace(/^file:/, '');
}

/** What a recording that has begun is made with. */
interface Begun {
  readonly parts: ManifestParts;
  /** Exporters that send. */
  readonly senders: number;
  /** Its first manifest is there, or failed. */
  readonly manifest: Promise<void>;
}

class Recording {
  readonly #options: RecordOptions;
  readonly #redaction: Redaction;
  readonly #enough = new AbortController();
  #begun: Begun | undefined;
  #finished: Promise<void> | undefined;
  #untilMs: number | undefined;
  /** Why it ended before the run. */
  #failure: string | undefined;

  constructor(options: RecordOptions) {
    this.#options = options;
    this.#redaction = new Redaction(options.redact, keyedPlaceholders());
  }

  async run(): Promise<number> {
    const { configs, sets, folder, forMs, limitBytes, thenRun } = this.#options;
    const onEnd = (why: 'full' | 'failed', message: string): void => {
      this.#untilMs ??= recorder.atMs;
      if (why === 'failed') this.#failure = message;
      const goesOn = why === 'failed' || thenRun;
      say(goesOn ? `The recording ends, and the run goes on. ${message}` : `The recording ends. ${message}`);
      if (why === 'full') enough();
    };
    const writer = await this.#open({ folder, limitBytes, onEnd });
    if (writer === undefined) return await run({ configs, sets });
    const clock = new TurnClock();
    const recorder = new Recorder({ clock, files: nodeFileSystem, writer, redaction: this.#redaction });
    const told = setInterval(() => say(progressText(recorder, writer)), TOLD_EVERY_MS);
    let timer: NodeJS.Timeout | undefined;
    const stopTimers = (): void => {
      clearInterval(told);
      clearTimeout(timer);
    };
    const enough = (): void => {
      if (thenRun) {
        stopTimers();
        void this.#finish(recorder, writer);
      } else this.#enough.abort();
    };
    const timeIsUp = (): void => {
      if (thenRun) say('The recording ends, and the run goes on.');
      enough();
    };
    const onRunning = (instance: string, plan: Plan): void => {
      this.#begin(recorder, writer, instance, plan);
      if (forMs !== undefined) timer = setTimeout(timeIsUp, forMs);
    };
    const onStopping = (): void => void (this.#untilMs ??= recorder.atMs);
    const extras = { clock, outside: recorder.outside, until: this.#enough.signal, onRunning, onStopping };
    const code = await run({ configs, sets }, extras).finally(stopTimers);
    await this.#finish(recorder, writer);
    return this.#failure === undefined ? code : EXIT.failed;
  }

  /** Undefined where it cannot be, and the run goes on without. */
  async #open(options: FixtureWriterOptions): Promise<FixtureWriter | undefined> {
    try {
      return await FixtureWriter.open(options);
    } catch (error) {
      if (!this.#options.thenRun) throw error;
      say(`Nothing is recorded, and it runs without. ${errorMessage(error)}`);
      return undefined;
    }
  }

  #begin(recorder: Recorder, writer: FixtureWriter, instance: string, plan: Plan): void {
    recorder.begin();
    const parts = this.#parts(recorder.startMs, instance, plan.sources);
    const manifest = this.#write(writer, manifestText(this.#options.folder, parts));
    this.#begun = { parts, senders: sendingExporters(plan).length, manifest };
  }

  /** The fixture is whole. Nothing is left of one that has not begun, since nothing could start. */
  async #finish(recorder: Recorder, writer: FixtureWriter): Promise<void> {
    await (this.#finished ??= this.#begun === undefined ? writer.discard() : this.#end(recorder, writer, this.#begun));
  }

  async #end(recorder: Recorder, writer: FixtureWriter, { parts, senders, manifest }: Begun): Promise<void> {
    this.#untilMs ??= recorder.atMs;
    const upstream = withoutOnlyName(recorder.end(), senders);
    await Promise.all([manifest, writer.close()]);
    const untilMs = Math.max(this.#untilMs, recorder.latestMs);
    const end = { untilMs, upstream, input: writer.lines, cutShort: this.#failure };
    await this.#write(writer, manifestText(this.#options.folder, parts, end));
    say(progressText(recorder, writer));
  }

  #parts(startMs: number, instance: string, sources: readonly Source[]): ManifestParts {
    const { configs, sets, title } = this.#options;
    const redaction = this.#redaction;
    const settings = sets.map((set) => redaction.setting(set));
    const env = variablesIn(sources, redaction);
    return { title, startMs, instance, redactions: redaction.description, configs, sets: settings, env };
  }

  async #write(writer: FixtureWriter, manifest: string): Promise<void> {
    try {
      await writer.manifest(manifest);
    } catch (error) {
      this.#failure ??= `Its manifest cannot be written: ${errorMessage(error)}.`;
      say(this.#failure);
    }
  }
}

/** Where there is one exporter alone, what happened to it happens to whatever it is called in another configuration. */
function withoutOnlyName(upstream: ReturnType<Recorder['end']>, senders: number): ReturnType<Recorder['end']> {
  if (senders > 1) return upstream;
  return { ...upstream, phases: upstream.phases.map((phase) => ({ ...phase, exporter: undefined })) };
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
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
  return `recorded ${seconds} s: ${requests} requests, ${fileOperations} changes of files, ${pages} pages, ${sizeText(bytes)}`;
}

function sizeText(bytes: number): string {
  return bytes < 2 ** 20 / 10 ? `${(bytes / 2 ** 10).toFixed(1)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
