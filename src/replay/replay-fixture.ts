import { isAbsolute, join } from 'node:path';
import { components } from '../components.ts';
import { loadPlan, type LoadOptions, type LoadResult, type Plan } from '../config/plan.ts';
import { formatProblem } from '../config/problem.ts';
import { withEnvironment } from '../core/environment.ts';
import { RemoraError } from '../core/errors.ts';
import { memoryPhases, upstreamPhases, type Manifest, type ReplaySettings } from './fixture/manifest.ts';
import { exists } from './fixture/whole-file.ts';
import type { Fixture } from './fixture/fixture.ts';
import type { InputEvent } from './input.ts';
import { OutputBook, type Outcome } from './output/outcome.ts';
import { replay, type ReplayInput } from './replay.ts';
import { inZone } from './world/local-zone.ts';
import { CONTAINER_BYTES } from './world/scripted-memory.ts';
import type { OnDelivered } from './world/upstream.ts';

export interface FixtureReplayOptions {
  /** Virtual time at most, instead of the manifest's. */
  readonly limitMs?: number | undefined;
  readonly onLog?: (line: string) => void;
  readonly onProgress?: (atMs: number) => void;
  /** Told of what is replayed, before anything happens; what it throws ends the replay. */
  readonly onPlan?: (plan: Plan) => Promise<void>;
  /** Told of each delivery besides, within it. */
  readonly onDelivered?: OnDelivered;
  /** Told of each input event besides, before it happens. */
  readonly onInput?: (event: InputEvent) => void;
}

/** What a configuration is made of: as `remora run` takes it, but that variables are only those given here. */
export type ReplayConfig = Pick<LoadOptions, 'configs' | 'sets' | 'env' | 'readFile'>;

/** A configuration for a fixture, checked but for what it would find on this machine. */
export function loadForReplay({ manifest }: Pick<Fixture, 'manifest'>, config: ReplayConfig): Promise<LoadResult> {
  const available = { bytes: CONTAINER_BYTES, from: 'container' } as const;
  const load = (): Promise<LoadResult> =>
    loadPlan({ ...config, catalog: components, checkDirectories: false, available });
  return inZone(manifest.zone, () => withEnvironment(config.env, load));
}

/**
 * The configuration of a replay of the manifest, whose paths are relative to its folder. Throws `config_invalid`, with the
 * place in the manifest of a file that is not there.
 */
export async function planOfReplay(
  fixture: Pick<Fixture, 'folder' | 'manifest'>,
  { config, set, env }: Pick<ReplaySettings, 'config' | 'set' | 'env'>,
): Promise<Plan> {
  const configs = config.map((path) => (isAbsolute(path) ? path : join(fixture.folder, path)));
  const isThere = await Promise.all(configs.map(exists));
  const missing = config.filter((_, index) => isThere[index] === false);
  if (missing.length > 0)
    throw new RemoraError('config_invalid', missing.map((path) => missingText(fixture.manifest, path)).join('\n'));
  const loaded = await loadForReplay(fixture, { configs, sets: set, env });
  if (loaded.ok) return loaded.plan;
  throw new RemoraError('config_invalid', loaded.problems.map(formatProblem).join('\n'));
}

function missingText({ replays, placeOf }: Manifest, path: string): string {
  const naming = Object.entries(replays).find(([, { config }]) => config.includes(path));
  const place = naming && placeOf(['replays', naming[0], 'config', naming[1].config.indexOf(path)]);
  return `${place ?? ''}there is no ${path}, which is relative to the manifest`;
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
    memory: memoryPhases(manifest),
    zone: manifest.zone,
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
  await onPlan?.(plan);
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
