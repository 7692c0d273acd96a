/** Reading parsed OTLP/JSON whose shape is known but not trusted: what is missing or odd reads as empty. */

export type Json = Readonly<Record<string, unknown>>;

const NOTHING: Json = Object.freeze({});

export function object(value: unknown): Json {
  return isObject(value) ? value : NOTHING;
}

export function objects(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.map(object) : [];
}

export function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(text) : [];
}

/** Numbers, 64-bit integers (which OTLP/JSON writes as strings) and booleans as they print; absent is ''. */
export function text(value: unknown): string {
  if (typeof value === 'string') return printable(value);
  return typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint' ? String(value) : '';
}

/** As `text`, and `0` when absent, which is how protobuf writes zero. */
export function number(value: unknown): string {
  const shown = text(value);
  return shown === '' ? '0' : shown;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Telemetry is foreign text: nothing in it may move the cursor or forge a line. */
export function printable(value: string): string {
  return value.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    if (character === '\n') return '\\n';
    if (character === '\t') return '\\t';
    return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;
  });
}
