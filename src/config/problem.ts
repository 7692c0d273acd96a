/** One thing that is wrong (or doubtful) in a configuration, at the place where a person can mend it. */
export interface Problem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Dotted, for example `exporters.otlp/backend.retyr`; empty when the place is not inside the tree. */
  readonly path: string;
  readonly message: string;
  readonly suggestion?: string;
}

/** Lines and columns start at 1; line 0 stands for a source that could not be read at all. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export type Path = readonly (string | number)[];

/** `pipelines/app.yaml:14:7 exporters.otlp/backend.retyr: unknown key, did you mean "retry_on_failure"?` */
export function formatProblem(problem: Problem): string {
  const place = problem.line === 0 ? problem.file : `${problem.file}:${problem.line}:${problem.column}`;
  const where = problem.path === '' ? place : `${place} ${problem.path}`;
  if (problem.suggestion === undefined) return `${where}: ${problem.message}`;
  const joint = problem.suggestion.startsWith('did you mean') ? ', ' : '; ';
  return `${where}: ${problem.message}${joint}${problem.suggestion}`;
}

export function formatPath(path: Path): string {
  let text = '';
  for (const step of path) text += typeof step === 'number' ? `[${step}]` : text === '' ? step : `.${step}`;
  return text;
}

/** User and password in an address. */
const CREDENTIALS = /(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@"]+@/gi;

/** Values this short are too common in ordinary words to be searched for in messages. */
const SHORTEST_HIDDEN = 4;

/**
 * Collects every problem of one load. A text that came from the environment or a file never leaves in a message: where
 * it turns up, the expression that brought it stands instead.
 */
export class Problems {
  readonly #errors: Problem[] = [];
  readonly #warnings: Problem[] = [];
  readonly #files: string[] = [];
  readonly #hidden = new Map<string, string>();

  /** Problems are listed in the order in which their files were named here. */
  addFile(file: string): void {
    if (!this.#files.includes(file)) this.#files.push(file);
  }

  error(at: Place, path: Path, message: string, suggestion?: string): void {
    this.#errors.push(makeProblem(at, path, message, suggestion));
  }

  warn(at: Place, path: Path, message: string, suggestion?: string): void {
    this.#warnings.push(makeProblem(at, path, message, suggestion));
  }

  /** `text` is shown as `expression` from now on. */
  hide(text: string, expression: string): void {
    if (text.length >= SHORTEST_HIDDEN) this.#hidden.set(text, expression);
  }

  get hasErrors(): boolean {
    return this.#errors.length > 0;
  }

  get errors(): readonly Problem[] {
    return this.#finish(this.#errors);
  }

  get warnings(): readonly Problem[] {
    return this.#finish(this.#warnings);
  }

  #finish(problems: readonly Problem[]): readonly Problem[] {
    const order = (problem: Problem): number => {
      const at = this.#files.indexOf(problem.file);
      return at < 0 ? this.#files.length : at;
    };
    return problems
      .map((problem) => this.#redact(problem))
      .sort((a, b) => order(a) - order(b) || a.line - b.line || a.column - b.column);
  }

  #redact(problem: Problem): Problem {
    const { suggestion } = problem;
    const clean = { ...problem, path: this.#clean(problem.path), message: this.#clean(problem.message) };
    return suggestion === undefined ? clean : { ...clean, suggestion: this.#clean(suggestion) };
  }

  #clean(text: string): string {
    const longestFirst = [...this.#hidden].sort((a, b) => b[0].length - a[0].length);
    let clean = text;
    for (const [hidden, expression] of longestFirst) clean = clean.replaceAll(hidden, () => expression);
    return clean.replace(CREDENTIALS, '$1[REDACTED]@');
  }
}

function makeProblem(at: Place, path: Path, message: string, suggestion?: string): Problem {
  const problem = { file: at.file, line: at.line, column: at.column, path: formatPath(path), message };
  return suggestion === undefined ? problem : { ...problem, suggestion };
}
