import type { Plan } from '../config/plan.ts';
import type { Clock } from '../core/clock.ts';
import { withEnvironment } from '../core/environment.ts';
import { errorMessage, RemoraError } from '../core/errors.ts';
import type { LedgerRow } from '../core/ledger.ts';
import type { Outside } from '../core/outside.ts';
import { createService, type Service } from '../service/service.ts';
import { Log } from '../telemetry/log.ts';
import type { Registry } from '../telemetry/registry.ts';
import type { FileEvent, InputEvent, MemoryPhase, PageRecord, UpstreamPhase } from './input.ts';
import { Passing } from './passing.ts';
import { Clients, type ClientBooks } from './world/clients.ts';
import { inZone } from './world/local-zone.ts';
import { MemoryFiles } from './world/memory-files.ts';
import { Pages } from './world/pages.ts';
import { scriptedMemory } from './world/scripted-memory.ts';
import { withStandIns } from './world/stand-ins.ts';
import { ScriptedUpstream, type Delivered, type OnDelivered } from './world/upstream.ts';

export interface ReplayInput {
  /** Wall time at which it starts, milliseconds since the epoch. */
  readonly startMs: number;
  /** Seeds every random choice. */
  readonly instanceId: string;
  /** In order of time. */
  readonly events: AsyncIterable<InputEvent> | Iterable<InputEvent>;
  readonly pages: readonly PageRecord[];
  readonly upstream: readonly UpstreamPhase[];
  /** None is used when absent. */
  readonly memory?: readonly MemoryPhase[];
  /** The time zone of times that name none; UTC when absent. */
  readonly zone?: string;
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
  /** Files of the fixture that nobody opened. */
  readonly unreadFiles: readonly string[];
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
export function replay(options: ReplayOptions): Promise<Replayed> {
  const { plan, input } = options;
  return inZone(input.zone ?? 'UTC', () => withEnvironment(plan.env, () => replayHere(options)));
}

async function replayHere(options: ReplayOptions): Promise<Replayed> {
  const { plan, input } = options;
  const delivery = new Delivery(options.onDelivered);
  const { startMs } = input;
  const passing = new Passing({ ...options, startMs });
  const { clock } = passing;
  const world = worldOf(input, clock, (delivered) => delivery.tell(delivered));
  const service = await createService({
    plan: withStandIns(plan, world.upstream),
    clock,
    log: new Log({ level: 'info', encoding: 'text', clock, write: (line) => options.onLog?.(line) }),
    instanceId: input.instanceId,
    outside: world.outside,
    // Memory and the event loop of whoever replays would make each replay another one.
    memory: world.memory,
    utilization: () => 0,
  });
  passing.waitsFor(() => `the start of ${plan.pipelines.map(({ id }) => id).join(', ')}`);
  const start = async (): Promise<void> => {
    await passing.until(service.start());
    passing.waitsFor(() => waitingFor(service));
  };
  let isStarted = false;
  for await (const event of input.events) {
    // Files of the time 0 are there at the start.
    if (!isStarted && (event.kind !== 'file' || event.atMs > 0)) {
      await start();
      isStarted = true;
    }
    await passing.to(event.atMs);
    if (event.kind === 'request') world.clients.send(event);
    else changeFile(world.files, event);
  }
  if (!isStarted) await start();
  await passing.to(input.untilMs ?? 0);
  world.clients.leave();
  await passing.until(service.stop(new AbortController().signal));
  delivery.mustBeWhole();
  return {
    ledger: service.ledger.rows(),
    ledgerCloses: service.ledger.closed,
    registry: service.registry,
    clients: world.clients.books,
    unknownPages: [...world.pages.unknown],
    unreadFiles: [...world.files.unread],
    tookMs: passing.atMs,
  };
}

/**
 * Tells of deliveries. What is thrown then would be taken for a failure of the exporter, and the replay would go on: it is kept
 * for the end.
 */
class Delivery {
  readonly #onDelivered: OnDelivered;
  #failure: { readonly error: unknown } | undefined;

  constructor(onDelivered: OnDelivered) {
    this.#onDelivered = onDelivered;
  }

  tell(delivered: Delivered): void {
    try {
      this.#onDelivered(delivered);
    } catch (error) {
      this.#failure ??= { error };
    }
  }

  /** Throws the first failure. */
  mustBeWhole(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

/** Everything around the process. */
function worldOf(input: ReplayInput, clock: Clock, onDelivered: OnDelivered) {
  const { startMs } = input;
  const upstream = new ScriptedUpstream({ clock, startMs, script: input.upstream, onDelivered });
  const files = new MemoryFiles(clock);
  const clients = new Clients(clock);
  const pages = new Pages(input.pages, clock, startMs);
  const memory = scriptedMemory(clock, startMs, input.memory ?? []);
  const outside: Outside = {
    files,
    // Nothing would come of a collection.
    memory: { ...memory, collect: undefined },
    sockets: {
      serve: (...service) => clients.serve(...service),
      post: (...request) => upstream.post(...request),
      unary: (...request) => upstream.unary(...request),
      fetchPage: (_receiverId, url, abort) => pages.fetch(url, abort),
      scrapeMs: (url) => pages.scrapeMs(url),
    },
  };
  return { upstream, files, clients, pages, memory, outside };
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
