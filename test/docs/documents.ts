import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '../..');

/** Paths of the files that git tracks or would take, relative to the root. */
export function repositoryFiles(): string[] {
  const list = (...args: string[]): string[] =>
    execFileSync('git', ['ls-files', '-z', ...args], { cwd: ROOT, encoding: 'utf8' }).split('\0');
  const deleted = new Set(list('--deleted'));
  return list('--cached', '--others', '--exclude-standard').filter((path) => path !== '' && !deleted.has(path));
}

export function textOf(path: string): Promise<string> {
  return readFile(join(ROOT, path), 'utf8');
}

/** What people read: README.md, those of src/ and fixtures/, and the pages of docs/. */
export function documents(): string[] {
  return repositoryFiles().filter(
    (path) => /^(README|src\/README|fixtures\/README|docs\/.*)\.?(md)?$/.test(path) && path.endsWith('.md'),
  );
}

export interface Block {
  readonly path: string;
  readonly line: number;
  readonly language: string;
  readonly text: string;
}

/** The fenced blocks of a page. */
export function blocksOf(path: string, markdown: string): Block[] {
  const blocks: Block[] = [];
  for (const match of markdown.matchAll(/^```(\w*)\n(.*?)^```$/gms)) {
    const line = markdown.slice(0, match.index).split('\n').length;
    blocks.push({ path, line, language: match[1] ?? '', text: match[2] ?? '' });
  }
  return blocks;
}

/** The heading anchors that GitHub makes. */
export function anchorsOf(markdown: string): Set<string> {
  const headings = markdown.replaceAll(/^```.*?^```$/gms, '').matchAll(/^#+ (.+)$/gm);
  return new Set(
    Array.from(headings, ([, text = '']) =>
      text
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(/\s/g, '-'),
    ),
  );
}
