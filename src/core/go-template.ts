/** A reference to a group of the pattern, by its number or its name. */
interface Reference {
  readonly group: number | string;
}

/** A text with references, as Go's Regexp.Expand reads it: `$1`, `${1}`, `$name`, `${name}`, and `$$` for a dollar. */
export type Template = readonly (string | Reference)[];

const REFERENCE = /\$(?:\$|\{([\p{L}\p{Nd}_]+)\}|([\p{L}\p{Nd}_]+))/gu;
const NUMBER = /^(?:0|[1-9]\d{0,7})$/;

export function parseTemplate(text: string): Template {
  const parts: (string | Reference)[] = [];
  let from = 0;
  for (const match of text.matchAll(REFERENCE)) {
    if (match.index > from) parts.push(text.slice(from, match.index));
    from = match.index + match[0].length;
    const name = match[1] ?? match[2];
    if (name === undefined) parts.push('$');
    else parts.push({ group: NUMBER.test(name) ? Number(name) : name });
  }
  if (from < text.length) parts.push(text.slice(from));
  return parts;
}

/** The text with its references replaced; a group that is not there, or took no part in the match, is empty. */
export function expandTemplate(template: Template, match: RegExpExecArray): string {
  let text = '';
  for (const part of template) {
    if (typeof part === 'string') text += part;
    else if (typeof part.group === 'number') text += match[part.group] ?? '';
    else text += match.groups?.[part.group] ?? '';
  }
  return text;
}

/** The first reference to a group that the pattern does not have. */
export function danglingReference(template: Template, pattern: RegExp): string | undefined {
  // With an alternative that matches nothing, the groups show without a match.
  const groups = new RegExp(`${pattern.source}|`, pattern.flags).exec('');
  for (const part of template) {
    if (typeof part === 'string') continue;
    const isThere =
      typeof part.group === 'number'
        ? part.group < (groups?.length ?? 0)
        : Object.hasOwn(groups?.groups ?? {}, part.group);
    if (!isThere) return String(part.group);
  }
  return undefined;
}

/** Whether the result would hold a dollar sign with a name behind it, the text of a reference rather than a group. */
export function writesReference(template: Template): boolean {
  return template.some((part, at) => {
    const next = template[at + 1];
    return part === '$' && typeof next === 'string' && /^(?:\{\w+\}|\w)/.test(next);
  });
}
