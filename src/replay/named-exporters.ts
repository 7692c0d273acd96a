import type { Plan } from '../config/plan.ts';
import type { Path } from '../config/problem.ts';
import { didYouMean } from '../config/suggest.ts';
import { RemoraError } from '../core/errors.ts';
import { sendingExporters } from './counted-exporters.ts';
import type { Side } from './effect/span-table.ts';
import type { Fixture } from './fixture/fixture.ts';
import type { Manifest } from './fixture/manifest.ts';
import { planOfReplay } from './replay-fixture.ts';

/** An exporter that a phase of the upstream names, and which phase. */
interface Named {
  readonly exporter: string;
  readonly index: number;
}

/**
 * Throws `fixture_invalid` for an outage of an exporter that no replay has: it would never happen, and nobody would notice.
 * `plan` is the configuration of one of them.
 */
export async function checkNamedExporters(fixture: Fixture, plan: Plan): Promise<void> {
  const { upstream, placeOf } = fixture.manifest;
  const named = upstream.flatMap(({ exporter }, index) => (exporter === undefined ? [] : [{ exporter, index }]));
  const unknown = await unknownToAll(fixture, named.filter(isUnknownTo(plan)));
  if (unknown.length === 0) return;
  const texts = unknown.map(({ exporter, index }) =>
    unknownText(placeOf(['upstream', index, 'exporter']), exporter, plan.exporters.keys()),
  );
  throw new RemoraError('fixture_invalid', texts.join('\n'));
}

/** Throws `fixture_invalid` for a check of an exporter that the replay does not have: it would hold whatever happens. */
export function checkCheckedExporters({ manifest }: Pick<Fixture, 'manifest'>, replay: string, plan: Plan): void {
  const own = manifest.replays[replay]?.checks ?? [];
  const texts = [
    ...unknownOfChecks(manifest, ['checks'], manifest.checks, plan),
    ...unknownOfChecks(manifest, ['replays', replay, 'checks'], own, plan),
  ];
  if (texts.length > 0) throw new RemoraError('fixture_invalid', texts.join('\n'));
}

function unknownOfChecks({ placeOf }: Manifest, path: Path, checks: Manifest['checks'], { exporters }: Plan): string[] {
  return checks.flatMap(({ exporter }, index) =>
    exporter === undefined || exporters.has(exporter)
      ? []
      : [unknownText(placeOf([...path, index, 'exporter']), exporter, exporters.keys())],
  );
}

function unknownText(place: string, exporter: string, known: Iterable<string>): string {
  const ids = [...known];
  const meant = didYouMean(exporter, ids) ?? `only ${ids.join(', ')}`;
  return `${place}there is no exporter "${exporter}", ${meant}`;
}

/**
 * What keeps an outage from happening to one of two configurations, at its place in the manifest. It is none of it that a
 * side has the exporter no more, as long as each that it has instead is named by a phase, too.
 */
export function missedPhases({ manifest }: Pick<Fixture, 'manifest'>, plans: Readonly<Record<Side, Plan>>): string[] {
  const named = new Set(manifest.upstream.map(({ exporter }) => exporter));
  return (['old', 'new'] as const).flatMap((side) => {
    const other = plans[side === 'old' ? 'new' : 'old'];
    const instead = sendingExporters(plans[side]).filter((id) => !other.exporters.has(id) && !named.has(id));
    return manifest.upstream.flatMap(({ exporter }, index) => {
      if (exporter === undefined || plans[side].exporters.has(exporter)) return [];
      if (other.exporters.has(exporter) && instead.length === 0) return [];
      const what = `the ${side} configuration has no exporter "${exporter}", so this would not happen to it`;
      const hint = instead.length === 0 ? '' : `, or add a phase for ${instead.join(' and ')}`;
      const place = manifest.placeOf(['upstream', index, 'exporter']);
      return [`${place}${what}; leave "exporter" out when it is for all of them${hint}`];
    });
  });
}

function isUnknownTo({ exporters }: Plan): (named: Named) => boolean {
  return ({ exporter }) => !exporters.has(exporter);
}

async function unknownToAll(fixture: Fixture, named: readonly Named[]): Promise<readonly Named[]> {
  let unknown = named;
  for (const settings of Object.values(fixture.manifest.replays)) {
    if (unknown.length === 0) break;
    // One with mistakes tells them itself.
    const plan = await planOfReplay(fixture, settings).catch(() => undefined);
    unknown = plan === undefined ? [] : unknown.filter(isUnknownTo(plan));
  }
  return unknown;
}
