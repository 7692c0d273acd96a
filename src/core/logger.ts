export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * One sentence with fields. WARN: nothing was lost. ERROR: data was lost or a person is needed. Nothing per item.
 * Implementations count and suppress repeats of the same sentence.
 */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export const silentLogger: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };

function ignore(): void {
  // Nothing is written.
}
