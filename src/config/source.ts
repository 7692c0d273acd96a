import { readFile } from 'node:fs/promises';
import { errorMessage } from '../core/errors.ts';
import { mergeNodes, nestKeys, wrap } from './merge.ts';
import { parseYaml } from './parse-yaml.ts';
import { mapNode, scalarNode, type ConfigNode } from './positions.ts';
import type { Problems } from './problem.ts';

/** One `--config` value as it was read. */
export interface Source {
  /** A path, `env:NAME`, or `--config` for inline YAML. */
  readonly file: string;
  readonly text: string;
}

export interface Providers {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly readFile: (path: string) => Promise<string>;
}

export function readUtf8(path: string): Promise<string> {
  return readFile(path, 'utf8');
}

/** Reads one `--config` value: `path`, `file:path`, `env:NAME` or `yaml:text`. Undefined after an error was reported. */
export async function readSource(config: string, from: Providers, problems: Problems): Promise<Source | undefined> {
  const [, scheme, rest] = /^([a-z]{2,}):(.*)$/s.exec(config) ?? [];
  if (scheme === 'yaml') return { file: '--config', text: rest ?? '' };
  if (scheme === 'env') return readVariable(rest ?? '', from, problems);
  if (scheme === 'http' || scheme === 'https') {
    const message = 'a configuration is not read over the network';
    problems.error(unread(config), [], message, 'download it first and name the file');
    return undefined;
  }
  return readPath(scheme === 'file' ? (rest ?? '') : config, from, problems);
}

function readVariable(name: string, from: Providers, problems: Problems): Source | undefined {
  const text = from.env[name];
  if (text !== undefined) return { file: `env:${name}`, text };
  problems.error(unread(`env:${name}`), [], `the environment variable ${name} is not set`);
  return undefined;
}

async function readPath(path: string, from: Providers, problems: Problems): Promise<Source | undefined> {
  try {
    return { file: path, text: await from.readFile(path) };
  } catch (error) {
    problems.error(
      unread(path),
      [],
      `cannot be read (${errorMessage(error)})`,
      'check that the file exists and is readable',
    );
    return undefined;
  }
}

/** A source as a tree whose root is a map. Undefined after an error was reported. */
export function parseSource(source: Source, problems: Problems): ConfigNode | undefined {
  const root = parseYaml(source, problems);
  if (root === undefined) return undefined;
  if (root.kind === 'map') {
    const forbidden = [...root.entries].find(([key]) => key.split('::').includes('__proto__'));
    if (forbidden === undefined) return nestKeys(root);
    problems.error(forbidden[1].keyAt, [forbidden[0]], 'this key is not allowed');
    return undefined;
  }
  if (root.kind === 'scalar' && root.value === null) return mapNode(root.at, new Map());
  problems.error(root.at, [], 'a configuration is a map with keys such as receivers, exporters and service');
  return undefined;
}

/** `a.b=c` or `a::b=c` laid over `root`; the value is YAML. */
export function applySet(root: ConfigNode, set: string, problems: Problems): ConfigNode {
  const at = unread('--set');
  const equals = set.indexOf('=');
  const path = splitKeys(set.slice(0, Math.max(0, equals)));
  if (path.includes('') || path.includes('__proto__')) {
    problems.error(
      at,
      [],
      `"${equals < 0 ? set : set.slice(0, equals)}" does not name a key`,
      'write --set a.b.c=value',
    );
    return root;
  }
  const value = parseYaml({ file: '--set', text: set.slice(equals + 1), at }, problems) ?? scalarNode(at, null);
  return mergeNodes(root, wrap(path, { keyAt: at, value }, { at }));
}

/** `::` separates where it is used at all, so that keys with dots can be named. */
function splitKeys(keys: string): string[] {
  return keys.split(keys.includes('::') ? '::' : '.').map((key) => key.trim());
}

/** A place in something that has no lines. */
function unread(file: string) {
  return { file, line: 0, column: 0 };
}
