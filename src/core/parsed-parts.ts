import * as z from 'zod';

/**
 * Mistakes are all to be shown at once, and zod leaves out the checks across the fields of an object (refine,
 * superRefine) as soon as one of its fields is wrong. Here they run all the same, on the parts that parsed: a check that
 * reads what did not parse ends there, and what it had found before counts. So none ever sees a wrong value, or blames a
 * default that stands for one.
 */

type Schema = z.core.$ZodType;

/** zod would write and compile a function for each object of a schema, which takes longer than to check it once without. */
export const PARSED_ONCE = { reportInput: true, jitless: true } as const;

const prepared = new WeakSet<Schema>();

/** As safeParse; only when there are issues it looks for more of them. */
export function parseParts<S extends z.ZodType>(schema: S, raw: unknown): z.ZodSafeParseResult<z.output<S>> {
  const result = schema.safeParse(raw, PARSED_ONCE);
  if (result.success) return result;
  prepare(schema);
  return schema.safeParse(raw, PARSED_ONCE);
}

/** Changes the checks of a schema and of those below it, once. */
function prepare(schema: Schema): void {
  if (prepared.has(schema)) return;
  prepared.add(schema);
  for (const check of schema._zod.def.checks ?? []) if (check._zod.def.check === 'custom') loosen(check);
  for (const inner of innerOf(schema)) prepare(inner);
}

/** Which alternative of a union was meant is guessed from the issues of each, so more of them would not help. */
function innerOf(schema: Schema): readonly Schema[] {
  if (schema instanceof z.core.$ZodLazy) return [schema._zod.innerType];
  const { def } = schema._zod;
  if (def.type === 'union' && !('discriminator' in def)) return [];
  const held: unknown[] = Object.values(def);
  const below = held.flatMap((value) =>
    isPlain(value) || Array.isArray(value) ? Object.values<unknown>(value) : [value],
  );
  return below.filter((value) => value instanceof z.core.$ZodType);
}

function loosen({ _zod: inner }: z.core.$ZodCheck): void {
  const run = inner.check.bind(inner);
  inner.def.when = () => true;
  inner.check = (payload) => {
    const failed = payload.issues.filter((issue) => issue.continue !== true).map(({ path = [] }) => path);
    if (failed.length === 0) return run(payload);
    if (!failed.some(isWhole)) checkParts(run, payload, failed);
  };
}

type Payload = z.core.ParsePayload<never>;
/** Where something did not parse, seen from the value that is looked at. */
type Failure = readonly PropertyKey[];

function checkParts(run: (payload: Payload) => unknown, payload: Payload, failed: readonly Failure[]): void {
  const issues: z.core.$ZodRawIssue[] = [];
  let sound: number | undefined;
  // A check may catch what is thrown at it and make an issue of it.
  const onUnparsed = (): void => void (sound ??= issues.length);
  const value = partsOf(payload.value, failed, onUnparsed);
  try {
    run(Object.assign({}, payload, { value, issues }));
  } catch {
    onUnparsed();
  }
  for (const issue of issues.slice(0, sound)) payload.issues.push({ ...issue, input: payload.value });
}

function isWhole(path: Failure): boolean {
  return path.length === 0;
}

/** A view of `value` that throws, and tells so before, where something is read that did not parse. */
function partsOf(value: unknown, failed: readonly Failure[], onUnparsed: () => void): unknown {
  if (failed.length === 0 || !(isPlain(value) || Array.isArray(value))) return value;
  return new Proxy(value, {
    get(target, key, receiver) {
      const below = failed.filter(([first]) => String(first) === key).map(([, ...path]) => path);
      if (below.some(isWhole)) {
        onUnparsed();
        throw new Error(`${String(key)} did not parse`);
      }
      return partsOf(Reflect.get(target, key, receiver), below, onUnparsed);
    },
  });
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
