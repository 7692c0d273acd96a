import { createWriteStream, type WriteStream } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { finished } from 'node:stream/promises';
import { Document, isMap, isSeq } from 'yaml';
import { RemoraError } from '../../core/errors.ts';
import { durationText } from '../../core/settings.ts';
import { FORMAT, MANIFEST } from '../fixture/manifest.ts';
import type { UpstreamAnswer, UpstreamPhase } from '../input.ts';

export interface FixtureWriterOptions {
  readonly folder: string;
  readonly limitBytes: number;
  /** Called once when the limit is reached; nothing more is written then. */
  readonly onFull: () => void;
}

export interface ManifestParts {
  readonly title: string;
  readonly startMs: number;
  readonly untilMs: number;
  readonly instance: string;
  readonly redactions: readonly string[];
  /** How the upstream behaved, and whether that is all of it. */
  readonly upstream: { readonly phases: readonly UpstreamPhase[]; readonly isWhole: boolean };
  /** Configuration files, as the command was given them. */
  readonly configs: readonly string[];
  readonly sets: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export type LinesFile = 'requests.jsonl' | 'files.jsonl' | 'pages.jsonl';

/** Writes a fixture as it is recorded, line by line. What the system has not taken yet is in memory, at most `limitBytes`. */
export class FixtureWriter {
  readonly #options: FixtureWriterOptions;
  readonly #streams = new Map<LinesFile, WriteStream>();
  #bytes = 0;
  #isFull = false;
  #failure: Error | undefined;

  private constructor(options: FixtureWriterOptions) {
    this.#options = options;
  }

  /** Makes the folder; throws `fixture_invalid` when something is in it already. */
  static async open(options: FixtureWriterOptions): Promise<FixtureWriter> {
    await mkdir(options.folder, { recursive: true, mode: 0o700 });
    const names = await readdir(options.folder);
    if (names.length === 0) return new FixtureWriter(options);
    throw new RemoraError('fixture_invalid', `${options.folder}: there is something in it already; name a new folder`);
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** `json` is one object on one line, without its end. */
  line(name: LinesFile, json: string): void {
    if (this.#isFull) return;
    const text = `${json}\n`;
    this.#bytes += Buffer.byteLength(text);
    if (this.#bytes > this.#options.limitBytes) {
      this.#isFull = true;
      this.#options.onFull();
      return;
    }
    this.#stream(name).write(text);
  }

  /** Completes the fixture. Throws what went wrong when it was written. */
  async close(parts: ManifestParts): Promise<void> {
    for (const stream of this.#streams.values()) {
      stream.end();
      await finished(stream);
    }
    if (this.#failure !== undefined) throw this.#failure;
    await writeFile(join(this.#options.folder, MANIFEST), this.#manifest(parts), { mode: 0o600 });
  }

  #stream(name: LinesFile): WriteStream {
    const known = this.#streams.get(name);
    if (known !== undefined) return known;
    const made = createWriteStream(join(this.#options.folder, name), { flags: 'wx', mode: 0o600 });
    made.on('error', (error) => (this.#failure ??= error));
    this.#streams.set(name, made);
    return made;
  }

  #manifest(parts: ManifestParts): string {
    const from = resolve(this.#options.folder);
    const document = new Document({
      format: FORMAT,
      title: parts.title,
      source: { from: 'remora record', recorded: new Date(parts.startMs).toISOString().slice(0, 10) },
      redactions: parts.redactions,
      start: new Date(parts.startMs).toISOString(),
      zone: new Intl.DateTimeFormat().resolvedOptions().timeZone,
      until: `${parts.untilMs}ms`,
      instance: parts.instance,
      ...(parts.upstream.phases.length === 0 ? {} : { upstream: parts.upstream.phases.map(phaseOf) }),
      replays: {
        recorded: {
          config: parts.configs.map((path) => relative(from, resolve(path))),
          ...(parts.sets.length === 0 ? {} : { set: parts.sets }),
          ...(Object.keys(parts.env).length === 0 ? {} : { env: parts.env }),
        },
      },
    });
    noteUpstream(document, parts.upstream.isWhole);
    return document.toString({ lineWidth: 120 });
  }
}

/** As the manifest writes it. */
function phaseOf({ exporter, signal, fromMs, untilMs, delayMs, answer }: UpstreamPhase): object {
  return {
    exporter,
    ...(signal === undefined ? {} : { signal }),
    from: durationText(fromMs),
    ...(Number.isFinite(untilMs) ? { until: durationText(untilMs) } : {}),
    ...(delayMs === 0 ? {} : { delay: durationText(delayMs) }),
    answer: answerOf(answer),
  };
}

function answerOf(answer: UpstreamAnswer): unknown {
  switch (answer.kind) {
    case 'status': {
      const { status, message, retryAfterMs } = answer;
      const retry = retryAfterMs === undefined ? {} : { retry_after: durationText(Math.round(retryAfterMs)) };
      return { status, ...(message === '' ? {} : { message }), ...retry };
    }
    case 'partial': {
      const { rejected, message } = answer;
      return { rejected, ...(message === '' ? {} : { message }) };
    }
    case 'accept':
    case 'unreachable':
    case 'hang':
      return answer.kind;
  }
}

function noteUpstream(document: Document, isWhole: boolean): void {
  const upstream = document.get('upstream', true);
  if (!isSeq(upstream)) return;
  const rest = isWhole ? '' : '\n It changed more often than is kept here: after the last of these it accepts.';
  upstream.commentBefore = ` How the upstream behaved when it did not accept at once.${rest}`;
  for (const phase of upstream.items) if (isMap(phase)) phase.flow = true;
}
