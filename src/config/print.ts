import { stringify } from 'yaml';
import type { Catalog } from './catalog.ts';
import { SECTIONS, signalsText } from './catalog.ts';

export interface PrintOptions {
  readonly format: 'yaml' | 'json';
}

/**
 * The configuration after merging, expansion and defaults, credentials as `[REDACTED]`. It can be loaded again, so a
 * `$` is written `$$`.
 */
export function printConfig(plan: { readonly effective: unknown }, { format }: PrintOptions): string {
  const text = JSON.stringify(plan.effective, (_, value: unknown) =>
    typeof value === 'string' ? value.replaceAll('$', '$$$$') : value,
  );
  const plain: unknown = JSON.parse(text);
  return format === 'json' ? `${JSON.stringify(plain, null, 2)}\n` : stringify(plain, { lineWidth: 0 });
}

/** Every component of this build with its signals, for people and for grep. */
export function printComponents(catalog: Catalog): string {
  const blocks = SECTIONS.map((section) => {
    const rows = catalog[section].map((definition) => {
      const { type, aliases, summary } = definition;
      const names = aliases.length === 0 ? type : `${type} (${aliases.join(', ')})`;
      return { names, signals: section === 'extensions' ? '' : signalsText(definition), summary };
    });
    const width = Math.max(0, ...rows.map(({ names }) => names.length));
    const signalsWidth = Math.max(0, ...rows.map(({ signals }) => signals.length));
    const lines = rows.map(({ names, signals, summary }) =>
      ['', names.padEnd(width), signals.padEnd(signalsWidth), summary]
        .filter((part, at) => at === 0 || part !== '')
        .join('  '),
    );
    return [`${section}:`, ...lines].join('\n');
  });
  return `${blocks.join('\n\n')}\n`;
}
