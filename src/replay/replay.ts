import type { Plan } from '../config/plan.ts';
import { errorMessage, RemoraError } from '../core/errors.ts';
import type { LedgerRow } from '../core/ledger.ts';
import type { Outside } from '../core/outside.ts';
import { VirtualClock } from '../core/virtual-clock.ts';
import { createService, type Service } from '../service/service.ts';
import { Log } from '../telemetry/log.ts';
import type { Registry } from '../telemetry/registry.ts';
import type { FileEvent, InputEvent, PageRecord, UpstreamPhase } from './input.ts';
import { Clients, type ClientBooks } from './world/clients.ts';
import { MemoryFiles } from './world/memory-files.ts';
import { Pages } from './world/pages.ts';
import { withStandIns } from './world/stand-ins.ts';
import { ScriptedUpstream, type OnDelivered } from './world/upstream.ts';

export interface ReplayInput {
  /** Wall time at which it starts, milliseconds since the epoch. */
  readonly startMs: number;
  /** Seeds every random choice. */
  readonly instanceId: string;
  /** In order of time. */
  readonly events: AsyncIterable<InputEvent> | Iterable<InputEvent>;
  readonly pages: readonly PageRecord[];
  readonly upstream: readonly UpstreamPhase[];
  /** The stop begins then, milliseconds after the start; with the last event when absent or earlier. */
  readonly untilMs?: number;
}

export interface ReplayOptions {
  readonly plan: Plan;
  readonly input: ReplayInput;
  /** Virtual time at most, from the start to the end of the stop. */
  readonly limitMs: number;
  readonly onDelivered: OnDelivered;
  /** Lines of the log. */
  readonly onLog?: (line: string) => void;
  /** Milliseconds after the start, now and then. */
  readonly onProgress?: (atMs: number) => void;
}

export interface Replayed {
  readonly ledger: readonly LedgerRow[];
  readonly ledgerCloses: boolean;
  readonly registry: Registry;
  readonly clients: ClientBooks;
  /** URLs that were scraped and that the fixture has no page of. */
  readonly unknownPages: readonly string[];
  /** Virtual time until everything had stopped, milliseconds. */
  readonly tookMs: number;
}

/**
 * Runs a configuration against recorded input: the graph, the components and the engine of `run`, with a clock that jumps
 * from one thing to the next, seeded randomness, files and storage in memory, and an upstream that follows a script. The
 * same input gives the same output, to the byte.
 *
 * Rejects with `replay_stuck` when virtual time reaches `limitMs` or nothing is left that could go on.
 */
export async function replay({
  plan,
  input,
  limitMs,
  onDelivered,
  onLog,
  onProgress,
}: ReplayOptions): Promise<Replayed> {
  const { startMs } = input;
  const clock = new VirtualClock(startMs);
  const upstream = new ScriptedUpstream({ clock, startMs, script: input.upstream, onDelivered });
  const files = new MemoryFiles(clock);
  const clients = new Clients(clock);
  const pages = new Pages(input.pages, clock, startMs);
  const outside: Outside = {
    files,
    memory: QUIET_MEMORY,
    sockets: {
      serve: (...service) => clients.serve(...service),
      post: (...request) => upstream.post(...request),
      unary: (...request) => upstream.unary(...request),
      fetchPage: (_receiverId, url, abort) => pages.fetch(url, abort),
      scrapeMs: (url) => pages.scrapeMs(url),
    },
  };
  const log = new Log({ level: 'info', encoding: 'text', clock, write: (line) => onLog?.(line) });
  const service = await createService({
    plan: withStandIns(plan, upstream),
    clock,
    log,
    instanceId: input.instanceId,
    outside,
    ...QUIET_PROCESS,
  });
  const passing = new Passing(clock, startMs, limitMs, onProgress);
  const start = (): Promise<void> =>
    passing.until(service.start(), () => `the start of ${plan.pipelines.map(({ id }) => id).join(', ')}`);
  let isStarted = false;
  for await (const event of input.events) {
    // Files of the time 0 are there at the start.
    if (!isStarted && (event.kind !== 'file' || event.atMs > 0)) {
      await start();
      isStarted = true;
    }
    await passing.to(event.atMs);
    if (event.kind === 'request') clients.send(event);
    else changeFile(files, event);
  }
  if (!isStarted) await start();
  await passing.to(input.untilMs ?? 0);
  clients.leave();
  await passing.until(service.stop(new AbortController().signal), () => waitingFor(service));
  return {
    ledger: service.ledger.rows(),
    ledgerCloses: service.ledger.closed,
    registry: service.registry,
    clients: clients.books,
    unknownPages: [...pages.unknown],
    tookMs: clock.now() - startMs,
  };
}

/** How virtual time goes on, and no further than its bound. */
class Passing {
  readonly #clock: VirtualClock;
  readonly #startMs: number;
  readonly #limitMs: number;
  readonly #onProgress: ((atMs: number) => void) | undefined;

  constructor(clock: VirtualClock, startMs: number, limitMs: number, onProgress?: (atMs: number) => void) {
    this.#clock = clock;
    this.#startMs = startMs;
    this.#limitMs = limitMs;
    this.#onProgress = onProgress;
  }

  /** To a time after the start; does nothing when that has passed. */
  async to(atMs: number): Promise<void> {
    const nowMs = this.#clock.now() - this.#startMs;
    if (atMs <= nowMs) return;
    if (atMs > this.#limitMs) throw stuck(`The input goes on at ${seconds(atMs)}`, this.#limitMs);
    await this.#clock.advance(atMs - nowMs);
    this.#onProgress?.(atMs);
  }

  /** Until `done` settles. */
  async until(done: Promise<void>, waitingFor: () => string): Promise<void> {
    let isOver = false;
    const over = done.finally(() => (isOver = true));
    // Whoever throws below says more than it would.
    over.catch(() => undefined);
    await this.#clock.advance(0);
    while (!isOver) {
      const { nextMs } = this.#clock;
      if (nextMs === undefined) throw stuck(`Nothing is left that could go on, and it waits for ${waitingFor()}`);
      if (nextMs - this.#startMs > this.#limitMs) throw stuck(`It still waits for ${waitingFor()}`, this.#limitMs);
      await this.#clock.advance(nextMs - this.#clock.now());
      this.#onProgress?.(nextMs - this.#startMs);
    }
    await over;
  }
}

function stuck(what: string, limitMs?: number): RemoraError {
  const bound = limitMs === undefined ? '' : `, beyond the bound of ${seconds(limitMs)} of virtual time`;
  return new RemoraError('replay_stuck', `${what}${bound}.`);
}

function seconds(ms: number): string {
  return `${ms / 1000}s`;
}

function waitingFor({ ledger }: Service): string {
  const held = ledger.rows().filter((row) => row.held > 0);
  if (held.length === 0) return 'components to stop';
  return held.map(({ stage, node, signal, held: items }) => `${items} ${signal} held by ${stage} ${node}`).join(', ');
}

/** What is not possible, such as truncating a file that is not there, is the fixture's mistake. */
function changeFile(files: MemoryFiles, event: FileEvent): void {
  try {
    change(files, event);
  } catch (error) {
    const { where, op, path } = event;
    const message = `${where === undefined ? '' : `${where}: `}${op} of ${path} is not possible: ${errorMessage(error)}`;
    throw new RemoraError('fixture_invalid', message, { cause: error });
  }
}

function change(files: MemoryFiles, event: FileEvent): void {
  switch (event.op) {
    case 'append': {
      files.append(event.path, event.content);
      return;
    }
    case 'truncate': {
      files.truncate(event.path, event.size);
      return;
    }
    case 'rename': {
      files.rename(event.path, event.to);
      return;
    }
    case 'remove': {
      files.unlink(event.path);
      return;
    }
    case 'link': {
      files.link(event.path, event.target);
      return;
    }
  }
}

/** Memory and the event loop are those of whoever replays, and would make each replay another one. */
const QUIET_PROCESS = {
  memory: { residentBytes: () => 0, dataBytes: () => 0, collect: () => undefined },
  utilization: () => 0,
};
const QUIET_MEMORY = { residentBytes: () => 0, containerBytes: () => 0, totalBytes: () => 2 ** 30 };
