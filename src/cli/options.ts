/** What the process exits with; documented in README. */
export const EXIT = { ok: 0, failed: 1, invalid: 2 } as const;

/** Where a configuration comes from. */
export interface ConfigOptions {
  /** Values of --config: a path, `file:path`, `env:NAME` or `yaml:text`. */
  readonly configs: readonly string[];
  /** Values of --set: `exporters.otlp.endpoint=host:4317`. */
  readonly sets: readonly string[];
}

/** An error in how a command was called; the process exits with EXIT.invalid. */
export function usage(message: string): TypeError {
  return Object.assign(new TypeError(message), { code: 'ERR_USAGE' });
}
