export interface CsvOptions {
  readonly header?: string | undefined;
  readonly header_attribute?: string | undefined;
  readonly delimiter: string;
  readonly header_delimiter?: string | undefined;
  readonly lazy_quotes: boolean;
  readonly ignore_quotes: boolean;
}

/** Splits lines into values, or says what is wrong with a line. */
export interface CsvReader {
  /** Names of the columns, when they are known beforehand. */
  readonly names: readonly string[] | undefined;
  readonly split: (line: string) => string[] | string;
  readonly splitHeader: (header: string) => string[];
}

/** Throws SyntaxError for settings that do not go together. */
export function csvReader(options: CsvOptions): CsvReader {
  const { header, header_attribute, delimiter, lazy_quotes, ignore_quotes } = options;
  const headerDelimiter = options.header_delimiter ?? delimiter;
  if ((header === undefined) === (header_attribute === undefined)) {
    throw new SyntaxError('give the names of the columns: one of header and header_attribute');
  }
  if (lazy_quotes && ignore_quotes) throw new SyntaxError('use one of lazy_quotes and ignore_quotes');
  for (const mark of [delimiter, headerDelimiter]) {
    if (Array.from(mark).length !== 1 || /[\r\n"]/.test(mark)) {
      throw new SyntaxError(
        `${JSON.stringify(mark)} is not a delimiter; use one character that is no quote or newline`,
      );
    }
  }
  const splitHeader = (text: string): string[] => text.split(headerDelimiter);
  return {
    names: header === undefined ? undefined : splitHeader(header),
    split: ignore_quotes ? (line) => line.split(delimiter) : (line) => splitQuoted(line, delimiter, lazy_quotes),
    splitHeader,
  };
}

/**
 * The values of one row. As in RFC 4180, a value that begins with a quote ends at the next quote that is not doubled;
 * newlines are characters like others, for the whole text is one row. With `lazy`, quotes that break these rules are
 * taken as they stand, otherwise the row is refused.
 */
function splitQuoted(line: string, delimiter: string, lazy: boolean): string[] | string {
  if (!line.includes('"')) return line.split(delimiter);
  const values: string[] = [];
  for (let at = 0; ;) {
    if (line[at] === '"') {
      const end = closingQuote(line, at + 1, delimiter, lazy);
      if (end === -1) return 'a quoted value does not end, or goes on after its quote';
      const inner = line.slice(at + 1, end);
      values.push(inner.includes('"') ? inner.replaceAll('""', '"') : inner);
      if (end + 1 >= line.length) return values;
      at = end + 1 + delimiter.length;
    } else {
      const next = line.indexOf(delimiter, at);
      const value = next === -1 ? line.slice(at) : line.slice(at, next);
      if (!lazy && value.includes('"')) return 'a quote stands in a value without quotes';
      values.push(value);
      if (next === -1) return values;
      at = next + delimiter.length;
    }
  }
}

/** Where the quote stands that ends the value; the end of the line when there is none and quotes are lazy; else -1. */
function closingQuote(line: string, from: number, delimiter: string, lazy: boolean): number {
  for (let at = line.indexOf('"', from); at !== -1; at = line.indexOf('"', at + 1)) {
    if (line[at + 1] === '"') at += 1;
    else if (at + 1 === line.length || line.startsWith(delimiter, at + 1)) return at;
    else if (!lazy) return -1;
  }
  return lazy ? line.length : -1;
}
