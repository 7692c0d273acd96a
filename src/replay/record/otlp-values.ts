import type { SecretKind } from './assigned-values.ts';
import { attachedOption, secretOf } from './command-lines.ts';
import { isTaken, type Placeholder } from './placeholders.ts';
import { isOption, optionName, type Judge } from './text-secrets.ts';

/**
 * A value of OTLP/JSON, taken out: texts and bytes become others, lists and maps keep their shape, and so do numbers and
 * booleans, unless the user chose the name. Then these become texts.
 */
export function hideValue(value: unknown, kind: SecretKind, placeholder: Placeholder): unknown {
  if (Array.isArray(value)) return value.map((one) => hideValue(one, kind, placeholder));
  if (!isRecord(value)) return value;
  const hidden: Record<string, unknown> = {};
  for (const [name, content] of Object.entries(value)) {
    if (name === 'key') hidden[name] = content;
    else if (NUMBERS.has(name)) {
      if (kind === 'likely') hidden[name] = content;
      else hidden['stringValue'] = placeholder(JSON.stringify(content));
    } else if (typeof content === 'string') hidden[name] = hideText(name, content, kind, placeholder);
    else hidden[name] = hideValue(content, kind, placeholder);
  }
  return hidden;
}

const NUMBERS = new Set(['intValue', 'doubleValue', 'boolValue']);

function hideText(name: string, text: string, kind: SecretKind, placeholder: Placeholder): string {
  if (isTaken(text) || (kind === 'likely' && /^(?:true|false|null)$/i.test(text))) return text;
  return name === 'bytesValue' ? Buffer.from(placeholder(text)).toString('base64') : placeholder(text);
}

/** Arguments before an option that may name the program. */
const MAX_BEFORE = 8;

/** Of a list of arguments, the one behind `--password`, and what such an option of a program takes. The list is changed. */
export function hideArguments(list: unknown[], judge: Judge, placeholder: Placeholder): void {
  for (let at = 1; at < list.length; at++) {
    const option = textOf(list[at - 1]);
    const value = textOf(list[at]);
    if (option === undefined || value === undefined || isTaken(value)) continue;
    const start = secretStart(list, at, option, value, judge);
    if (start !== undefined) list[at] = { stringValue: value.slice(0, start) + placeholder(value.slice(start)) };
  }
}

/** Where in the argument at `at` its secret begins. */
function secretStart(list: unknown[], at: number, option: string, value: string, judge: Judge): number | undefined {
  if (isOption(option) && !isOption(value)) {
    if (judge(optionName(option)) !== undefined) return 0;
    return secretOf(option, () => textBefore(list, at - 1))?.(value);
  }
  return attachedOption(value, () => textBefore(list, at));
}

function textBefore(list: unknown[], at: number): string {
  const before = list.slice(Math.max(0, at - MAX_BEFORE), at).map((one) => textOf(one) ?? '');
  return `${before.join(' ')} `;
}

function textOf(value: unknown): string | undefined {
  return isRecord(value) && typeof value['stringValue'] === 'string' ? value['stringValue'] : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
