import { errorMessage } from '../core/errors.ts';
import { parseYaml } from './parse-yaml.ts';
import { listNode, mapNode, scalarNode, type ConfigNode, type Entry, type ScalarNode } from './positions.ts';
import { Problems, type Path, type Place } from './problem.ts';
import type { Providers } from './source.ts';
import { didYouMean } from './suggest.ts';
import { isPlain, parseTemplate, splitDefault, type Expansion, type Piece } from './template.ts';

/** Bounds on what expansions that expand to expansions may cost. */
const MAX_DEPTH = 50;
const MAX_EXPANSIONS = 10_000;
const MAX_CHARACTERS = 4 * 2 ** 20;

const NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** Where an expansion stands, and what led to it. */
interface Site {
  readonly at: Place;
  readonly path: Path;
  readonly depth: number;
}

/** Text that an expansion fetched, itself not expanded yet. */
interface Fetched {
  readonly raw: string;
  /** Set for a file whose positions a person can open. */
  readonly file?: string;
}

/**
 * Replaces `${env:X}`, `${env:X:-default}`, `${X}`, `${X:-default}`, `${file:path}` and `${yaml:text}` in every value, as
 * the Collector does: an expansion that is the whole value is read as YAML and keeps its text for fields that want
 * text; inside longer text the text is put in. What was fetched is expanded in turn. Keys are not expanded.
 */
export class Expander {
  readonly #from: Providers;
  readonly #problems: Problems;
  #expansions = 0;
  #characters = 0;
  /** A bound was met and reported; nothing more is expanded. */
  #exhausted = false;

  constructor(from: Providers, problems: Problems) {
    this.#from = from;
    this.#problems = problems;
  }

  expand(root: ConfigNode): Promise<ConfigNode> {
    return this.#node(root, { at: root.at, path: [], depth: 0 });
  }

  async #node(node: ConfigNode, site: Site): Promise<ConfigNode> {
    if (node.kind === 'scalar') return this.#scalar(node, { ...site, at: node.at });
    if (node.kind === 'list') {
      const items: ConfigNode[] = [];
      for (const item of node.items) items.push(await this.#node(item, within(site, items.length)));
      return listNode(node.at, items);
    }
    const entries = new Map<string, Entry>();
    for (const [key, { keyAt, value }] of node.entries) {
      entries.set(key, { keyAt, value: await this.#node(value, within(site, key)) });
    }
    return mapNode(node.at, entries);
  }

  async #scalar(node: ScalarNode, site: Site): Promise<ConfigNode> {
    const { value } = node;
    if (typeof value !== 'string' || !value.includes('$')) return node;
    this.#warnNaked(value, site);
    const expanded = await this.#whole(value, site);
    if (expanded.at.file !== node.at.file) return expanded;
    // Messages show what the file says, never what a variable held.
    return value.includes('${') && !isPlain(parseTemplate(value)) ? { ...expanded, origin: value } : expanded;
  }

  /** The value that `text` stands for where it is the whole of a value. */
  async #whole(text: string, site: Site): Promise<ConfigNode> {
    const pieces = parseTemplate(text);
    const only = pieces.length === 1 ? pieces[0] : undefined;
    if (only === undefined || typeof only === 'string') return scalarNode(site.at, await this.#inline(pieces, site));
    const fetched = await this.#fetch(only, site);
    if (fetched === undefined) return { ...scalarNode(site.at, null), failed: true };
    const inner = deeper(site);
    const node = this.#readAsYaml(fetched, site);
    if (node === undefined) return this.#whole(fetched.raw, inner);
    const value = await this.#node(node, inner);
    return { ...value, text: await this.#inline(parseTemplate(fetched.raw), inner) };
  }

  /** Undefined when the text is text: then it is taken as it stands, quotes, comments and all. */
  #readAsYaml(fetched: Fetched, site: Site): ConfigNode | undefined {
    const where = fetched.file === undefined ? { file: site.at.file, at: site.at } : { file: fetched.file };
    const doubts = new Problems();
    const node = parseYaml({ ...where, text: fetched.raw }, doubts);
    if (doubts.hasErrors) return undefined;
    if (node?.kind !== 'scalar') return node;
    const isText = typeof node.value === 'string' || (node.value === null && !/^(null|~|\s*)$/i.test(fetched.raw));
    return isText ? undefined : { ...node, at: site.at };
  }

  async #inline(pieces: readonly Piece[], site: Site): Promise<string> {
    let text = '';
    for (const piece of pieces) text += typeof piece === 'string' ? piece : await this.#inlineOne(piece, site);
    return text;
  }

  async #inlineOne(expansion: Expansion, site: Site): Promise<string> {
    const fetched = await this.#fetch(expansion, site);
    return fetched === undefined ? '' : this.#inline(parseTemplate(fetched.raw), deeper(site));
  }

  async #fetch(expansion: Expansion, site: Site): Promise<Fetched | undefined> {
    if (!this.#mayExpand(expansion, site)) return undefined;
    const [, scheme, rest] = /^([A-Za-z][A-Za-z0-9+.-]+):(?!-)(.*)$/s.exec(expansion.inner) ?? [];
    switch (scheme) {
      case 'file':
        return this.#readFile(expansion, await this.#inline(parseTemplate(rest ?? ''), site), site);
      case 'yaml':
        return { raw: rest ?? '' };
      case undefined:
      case 'env':
        return this.#readVariable(expansion, scheme === 'env' ? (rest ?? '') : expansion.inner, site);
      default: {
        const suggestion = didYouMean(scheme, ['env', 'file', 'yaml']) ?? 'write env:, file: or yaml:';
        this.#problems.error(site.at, site.path, `"${scheme}" is not a source of values`, suggestion);
        return undefined;
      }
    }
  }

  async #readVariable(expansion: Expansion, inner: string, site: Site): Promise<Fetched | undefined> {
    const { name: template, fallback } = splitDefault(inner);
    const name = await this.#inline(parseTemplate(template), deeper(site));
    if (!NAME.test(name)) {
      const message = `"${name}" is not the name of an environment variable`;
      this.#problems.error(site.at, site.path, message, `write $${expansion.source} for the text itself`);
      return undefined;
    }
    const value = this.#from.env[name];
    if (value !== undefined) return this.#found(value, `\${env:${name}}`);
    if (fallback !== undefined) return { raw: fallback };
    const set = Object.keys(this.#from.env).filter((key) => this.#from.env[key] !== undefined);
    const suggestion = didYouMean(name, set) ?? `set it, or give a default: \${env:${name}:-default}`;
    this.#problems.error(site.at, site.path, `the environment variable ${name} is not set`, suggestion);
    return undefined;
  }

  async #readFile(expansion: Expansion, path: string, site: Site): Promise<Fetched | undefined> {
    try {
      const text = await this.#from.readFile(path);
      // Editors end a file with a line end that is no part of a token or password.
      return { ...this.#found(text.replace(/\r?\n$/, ''), expansion.source), file: path };
    } catch (error) {
      this.#problems.error(site.at, site.path, `${expansion.source} cannot be read (${errorMessage(error)})`);
      return undefined;
    }
  }

  #found(raw: string, expression: string): Fetched {
    this.#characters += raw.length;
    this.#problems.hide(raw, expression);
    return { raw };
  }

  #mayExpand(expansion: Expansion, site: Site): boolean {
    if (this.#exhausted) return false;
    this.#expansions++;
    const reason = this.#overrun(expansion, site);
    if (reason === undefined) return true;
    this.#exhausted = true;
    this.#problems.error(site.at, site.path, reason);
    return false;
  }

  #overrun(expansion: Expansion, site: Site): string | undefined {
    if (site.depth > MAX_DEPTH) return `${expansion.source} expands to itself, or through more than ${MAX_DEPTH} steps`;
    if (this.#expansions > MAX_EXPANSIONS) return `the configuration makes more than ${MAX_EXPANSIONS} expansions`;
    if (this.#characters > MAX_CHARACTERS) return `expansions brought more than ${MAX_CHARACTERS} characters`;
    return undefined;
  }

  #warnNaked(text: string, site: Site): void {
    const [, name] = /(?<!\$)\$([A-Z_][A-Z0-9_]*)/.exec(text) ?? [];
    if (name === undefined) return;
    const suggestion = `write \${env:${name}} for the variable or $$${name} for the text itself`;
    this.#problems.warn(site.at, site.path, `$${name} is not expanded`, suggestion);
  }
}

function within(site: Site, step: string | number): Site {
  return { ...site, path: [...site.path, step] };
}

function deeper(site: Site): Site {
  return { ...site, depth: site.depth + 1 };
}
