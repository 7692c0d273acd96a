import assert from 'node:assert/strict';
import type { Exporter, ExporterDefinition } from '../../src/core/component.ts';
import type { Verdict } from '../../src/core/verdict.ts';
import { testContext, type TestContextOptions } from './context.ts';

/** The messages of every problem that the configuration `raw` has. */
export function problems(definition: ExporterDefinition, raw: unknown): string[] {
  const parsed = definition.parse(raw);
  return parsed.ok ? [] : parsed.issues.map((issue) => issue.message);
}

/** Creates and starts an exporter from configuration; it stops when disposed of. */
export async function startExporter(
  definition: ExporterDefinition,
  raw: unknown,
  options: TestContextOptions = {},
): Promise<Exporter & AsyncDisposable> {
  const exporter = await createExporter(definition, raw, options);
  await exporter.start?.();
  return Object.assign(exporter, {
    [Symbol.asyncDispose]: async () => {
      await exporter.stop?.(AbortSignal.timeout(5000));
    },
  });
}

export async function createExporter(
  definition: ExporterDefinition,
  raw: unknown,
  options: TestContextOptions = {},
): Promise<Exporter> {
  const parsed = definition.parse(raw);
  assert.ok(parsed.ok, `The configuration is invalid: ${parsed.ok ? '' : JSON.stringify(parsed.issues)}`);
  return parsed.prepared.create(testContext(options));
}

export const NEVER = new AbortController().signal;

/** The code of the RemoraError in a verdict that is not `accepted`. */
export function codeOf(verdict: Verdict): unknown {
  assert.notEqual(verdict.status, 'accepted');
  return verdict.status !== 'accepted' && 'code' in verdict.reason ? verdict.reason.code : undefined;
}

export function reasonOf(verdict: Verdict): string {
  assert.notEqual(verdict.status, 'accepted');
  return verdict.status === 'accepted' ? '' : verdict.reason.message;
}
