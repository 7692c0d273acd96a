import { isAbsolute, join } from 'node:path';
import { components } from '../components.ts';
import { loadPlan, type LoadOptions, type LoadResult, type Plan } from '../config/plan.ts';
import { formatProblem } from '../config/problem.ts';
import { RemoraError } from '../core/errors.ts';
import { upstreamPhases, type ReplaySettings } from './fixture/manifest.ts';
import type { Fixture } from './fixture/fixture.ts';
import type { InputEvent } from './input.ts';
import { OutputBook, type Outcome } from './output/outcome.ts';
import { replay, type ReplayInput } from './replay.ts';
import type { OnDelivered } from './world/upstream.ts';

/** A container of a usual size: what limits are shares of, wherever a replay runs. */
const AVAILABLE = { bytes: 2 ** 30, from: 'container' } as const;

export interface FixtureReplayOptions {
  /** Virtual time at most, instead of the manifest's. */
  readonly limitMs?: number | undefined;
  readonly onLog?: (line: string) => void;
  readonly onProgress?: (atMs: number) => void;
  /** Told of what is replayed, before anything happens. */
  readonly onPlan?: (plan: Plan) => void;
  /** Told of each delivery besides, within it. */
  readonly onDelivered?: OnDelivered;
  /** Told of each input event besides, before it happens. */
  readonly onInput?: (event: InputEvent) => void;
}

/** What a configuration is made of: as `remora run` takes it, but that variables are only those given here. */
export type ReplayConfig = Pick<LoadOptions, 'configs' | 'sets' | 'env' | 'readFile'>;

/**
 * A configuration for a fixture, checked but for what it would find on this machine.
 *
 * From then on the process is in the time zone of the fixture: many logs have local times without a zone.
 */
export async function loadForReplay(
  { manifest }: Pick<Fixture, 'manifest'>,
  config: ReplayConfig,
): Promise<LoadResult> {
  process.env['TZ'] = manifest.zone;
  return loadPlan({ ...config, catalog: components, checkDirectories: false, available: AVAILABLE });
}

/** The configuration of a replay of the manifest, whose paths are relative to its folder. Throws `config_invalid`. */
export async function planOfReplay(
  fixture: Pick<Fixture, 'folder' | 'manifest'>,
  { config, set, env }: Pick<ReplaySettings, 'config' | 'set' | 'env'>,
): Promise<Plan> {
  const configs = config.map((path) => (isAbsolute(path) ? path : join(fixture.folder, path)));
  const loaded = await loadForReplay(fixture, { configs, sets: set, env });
  if (loaded.ok) return loaded.plan;
  throw new RemoraError('config_invalid', loaded.problems.map(formatProblem).join('\n'));
}

/** What a fixture has for a replay. */
export function inputOf(fixture: Fixture): ReplayInput {
  const { manifest, startMs, pages } = fixture;
  return {
    startMs,
    instanceId: manifest.instance,
    events: fixture.events(),
    pages,
    upstream: upstreamPhases(manifest),
    ...(manifest.until === undefined ? {} : { untilMs: manifest.until }),
  };
}

/** Replays a fixture through a configuration. Throws `fixture_invalid`, `config_invalid`, `replay_stuck`. */
export async function replayFixture(
  fixture: Fixture,
  settings: ReplaySettings,
  options: FixtureReplayOptions = {},
): Promise<Outcome> {
  const { onPlan, onDelivered, onInput, onLog, onProgress, limitMs = fixture.manifest.limit } = options;
  const book = new OutputBook(settings.expect === 'lines');
  const input = inputOf(fixture);
  const plan = await planOfReplay(fixture, settings);
  onPlan?.(plan);
  const replayed = await replay({
    plan,
    input: onInput === undefined ? input : { ...input, events: watched(input.events, onInput) },
    limitMs,
    onDelivered(delivered) {
      book.add(delivered);
      onDelivered?.(delivered);
    },
    ...(onLog === undefined ? {} : { onLog }),
    ...(onProgress === undefined ? {} : { onProgress }),
  });
  return book.outcome(replayed);
}

async function* watched(
  events: ReplayInput['events'],
  onInput: (event: InputEvent) => void,
): AsyncGenerator<InputEvent, undefined> {
  for await (const event of events) {
    onInput(event);
    yield event;
  }
  return undefined;
}
