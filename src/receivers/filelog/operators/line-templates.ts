import { errorMessage } from '../../../core/errors.ts';
import { scalarText, type Entry, type Value } from './entry.ts';
import type { Expression, ExpressionScope } from './expression/compile.ts';
import type { Step } from './nodes.ts';

type Written = Readonly<Record<string, string | Expression>>;

/** Attributes of the receiver's configuration that expressions give, line by line. */
export interface LineTemplates {
  readonly attributes: readonly (readonly [key: string, value: Expression])[];
  readonly resource: readonly (readonly [key: string, value: Expression])[];
}

interface Attributed {
  readonly attributes: Written;
  readonly resource: Written;
}

interface Constant {
  readonly attributes: Readonly<Record<string, string>>;
  readonly resource: Readonly<Record<string, string>>;
}

/** Parts the attributes that every record has alike from those that depend on the line. */
export function splitTemplates<T extends Attributed>(
  config: T,
): { readonly config: Omit<T, 'attributes' | 'resource'> & Constant; readonly templates: LineTemplates } {
  const attributes = split(config.attributes);
  const resource = split(config.resource);
  return {
    config: { ...config, attributes: attributes.constant, resource: resource.constant },
    templates: { attributes: attributes.templates, resource: resource.templates },
  };
}

function split(written: Written): { constant: Record<string, string>; templates: (readonly [string, Expression])[] } {
  const constant: [string, string][] = [];
  const templates: (readonly [string, Expression])[] = [];
  for (const [key, value] of Object.entries(written)) {
    const text = typeof value === 'string' ? value : constantText(value);
    if (text !== undefined) constant.push([key, text]);
    else if (typeof value !== 'string') templates.push([key, value]);
  }
  return { constant: Object.fromEntries(constant), templates };
}

/** The text of an expression that reads nothing of the line, such as env("POD_NAME"). */
function constantText(expression: Expression): string | undefined {
  try {
    return scalarText(expression(UNREADABLE));
  } catch {
    return undefined;
  }
}

function unreadable(): never {
  throw new TypeError('the expression depends on the line');
}

const UNREADABLE: ExpressionScope = {
  get body(): Value {
    return unreadable();
  },
  get attributes(): ReadonlyMap<string, Value> {
    return unreadable();
  },
  get resource(): ReadonlyMap<string, Value> {
    return unreadable();
  },
  get severityNumber(): number {
    return unreadable();
  },
  get severityText(): string {
    return unreadable();
  },
  get time(): ExpressionScope['time'] {
    return unreadable();
  },
};

/** Adds what the expressions give to each entry; undefined when there are none. One that fails leaves its key out. */
export function templateStep({ attributes, resource }: LineTemplates): Step | undefined {
  if (attributes.length === 0 && resource.length === 0) return undefined;
  return (entry) => {
    const failed = fill(entry.attributes, attributes, entry);
    if (resource.length === 0) return failed;
    const changed = new Map(entry.resource);
    const alsoFailed = fill(changed, resource, entry);
    entry.resource = changed;
    return failed ?? alsoFailed;
  };
}

function fill(into: Map<string, Value>, templates: LineTemplates['attributes'], entry: Entry): string | undefined {
  let reason: string | undefined;
  for (const [key, expression] of templates) {
    try {
      into.set(key, expression(entry));
    } catch (error) {
      reason ??= errorMessage(error);
    }
  }
  return reason;
}
