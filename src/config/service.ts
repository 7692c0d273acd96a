import type { z } from 'zod';
import type { Draft } from './components.ts';
import { parseParts } from '../core/parsed-parts.ts';
import { checkSchema } from './check-schema.ts';
import { child, keyPlace, nodeAt, valuePlace } from './positions.ts';
import { pipelineSchema, serviceSchema } from './service-settings.ts';
import { didYouMean } from './suggest.ts';
import { telemetrySchema, withoutEffect } from './telemetry-settings.ts';
import { SECTIONS } from './catalog.ts';

type Service = z.output<typeof serviceSchema>;

/** Keys at the top of a configuration, and that each section is a map. */
export function checkTop({ root, problems }: Draft): void {
  if (root.kind !== 'map') return;
  const known: readonly string[] = [...SECTIONS, 'service'];
  for (const [key, { keyAt, value }] of root.entries) {
    const isEmpty = value.kind === 'scalar' && value.value === null;
    if (!known.includes(key)) {
      const suggestion = didYouMean(key, known) ?? `the keys here are ${known.join(', ')}`;
      problems.error(keyAt, [key], 'unknown key', suggestion);
    } else if (value.kind !== 'map' && !isEmpty) {
      problems.error(value.at, [key], `expected a map, found ${value.kind === 'list' ? 'a list' : 'a single value'}`);
    }
  }
}

/**
 * `service:` after its schema. Parts with problems are reported and stand at their defaults, so that the other parts
 * can still be checked.
 */
export function checkService({ root, problems }: Draft): Service {
  const node = child(root, 'service');
  const base = ['service'];
  const isEmpty = node === undefined || node.kind !== 'map';
  if (isEmpty) return serviceSchema.parse({});
  const subject = { root, base, schema: serviceSchema, problems };
  const checked = checkSchema(subject, (raw) => {
    const result = parseParts(serviceSchema, raw);
    return result.success ? { ok: true, value: result.data } : { ok: false, issues: result.error.issues };
  });
  if (checked === undefined) return rescued({ root, problems });
  for (const path of withoutEffect(checked.value.telemetry)) {
    const full = [...base, 'telemetry', ...path];
    problems.warn(keyPlace(root, full), full, 'this key has no effect in Remora');
  }
  return checked.value;
}

/** The lists of ids that can be read although something else below `service` is wrong. */
function rescued({ root }: Draft): Service {
  const pipelines: Service['pipelines'] = {};
  const node = nodeAt(root, ['service', 'pipelines']);
  for (const [id, { value }] of node?.kind === 'map' ? node.entries : []) {
    const lists = ['receivers', 'processors', 'exporters'].map((role) => [role, textsOf(child(value, role))]);
    pipelines[id] = pipelineSchema.parse(Object.fromEntries(lists));
  }
  const extensions = textsOf(nodeAt(root, ['service', 'extensions']));
  return { ...serviceSchema.parse({ extensions }), pipelines, telemetry: telemetrySchema.parse({}) };
}

function textsOf(node: ReturnType<typeof child>): string[] {
  const items = node?.kind === 'list' ? node.items : [];
  return items.flatMap((item) => (item.kind === 'scalar' && typeof item.value === 'string' ? [item.value] : []));
}

/** `service.extensions`: each one configured, none twice. */
export function checkStarted({ root, problems }: Draft, ids: readonly string[], defined: ReadonlySet<string>): void {
  ids.forEach((id, index) => {
    const path = ['service', 'extensions', index];
    const at = valuePlace(root, path);
    if (!defined.has(id)) {
      const suggestion = didYouMean(id, defined) ?? `add "${id}:" under extensions`;
      problems.error(at, path, `extension "${id}" is not configured`, suggestion);
    } else if (ids.indexOf(id) < index) problems.error(at, path, `"${id}" is listed twice`, 'remove one of them');
  });
}
