export type JsonObject = Readonly<Record<string, unknown>>;

export function isPlainObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The member of an object, however deep; undefined where there is none. */
export function memberOf(value: unknown, ...path: readonly string[]): unknown {
  let at = value;
  for (const step of path) at = isPlainObject(at) ? at[step] : undefined;
  return at;
}

/** The same as text; empty for what is no text. */
export function textOf(value: unknown, ...path: readonly string[]): string {
  const found = memberOf(value, ...path);
  return typeof found === 'string' ? found : '';
}
