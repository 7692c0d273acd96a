import type { Value } from '../entry.ts';

/** A part of an expression. `at` is where it starts in the source, from 0; `depth` is 1 for a leaf. */
export type Node =
  | { readonly kind: 'literal'; readonly at: number; readonly depth: number; readonly value: Value }
  | { readonly kind: 'name'; readonly at: number; readonly depth: number; readonly name: string }
  | { readonly kind: 'list'; readonly at: number; readonly depth: number; readonly items: readonly Node[] }
  | { readonly kind: 'map'; readonly at: number; readonly depth: number; readonly pairs: readonly MapPair[] }
  | Unary
  | Binary
  | Logical
  | Choice
  | Path
  | { readonly kind: 'time'; readonly at: number; readonly depth: number; readonly unit: TimeUnit }
  | Call;

export interface MapPair {
  readonly key: Node;
  readonly value: Node;
}

export interface Unary {
  readonly kind: 'unary';
  readonly at: number;
  readonly depth: number;
  readonly operator: 'not' | '-' | '+';
  readonly operand: Node;
}

export interface Binary {
  readonly kind: 'binary';
  readonly at: number;
  readonly depth: number;
  readonly operator: BinaryOperator;
  readonly left: Node;
  readonly right: Node;
}

/** `and` and `or` in a row are one node, so that a long list of alternatives is not deep. */
export interface Logical {
  readonly kind: 'logical';
  readonly at: number;
  readonly depth: number;
  readonly operator: 'and' | 'or';
  readonly operands: readonly Node[];
}

export interface Choice {
  readonly kind: 'choice';
  readonly at: number;
  readonly depth: number;
  readonly condition: Node;
  readonly yes: Node;
  readonly no: Node;
}

/** What follows a value: `.a`, `?.a`, `["a"]`, `[0]`, `[1:3]`. An optional step on nil makes the whole path nil. */
export interface Path {
  readonly kind: 'path';
  readonly at: number;
  readonly depth: number;
  readonly object: Node;
  readonly steps: readonly PathStep[];
}

export type PathStep =
  | { readonly kind: 'key'; readonly at: number; readonly optional: boolean; readonly key: Node }
  | {
      readonly kind: 'slice';
      readonly at: number;
      readonly optional: boolean;
      readonly from: Node | undefined;
      readonly to: Node | undefined;
    };

export interface Call {
  readonly kind: 'call';
  readonly at: number;
  readonly depth: number;
  readonly name: string;
  readonly operands: readonly Node[];
}

export type BinaryOperator =
  | '=='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | 'in'
  | 'matches'
  | 'contains'
  | 'startsWith'
  | 'endsWith'
  | '..'
  | '+'
  | '-'
  | '*'
  | '/'
  | '%'
  | '**'
  | '??';

export type TimeUnit = 'Unix' | 'UnixMilli' | 'UnixMicro' | 'UnixNano' | 'IsZero';

/** The one error of configuration here. Columns count from 1. */
export function refusal(at: number, reason: string, cause?: unknown): SyntaxError {
  return new SyntaxError(`column ${at + 1}: ${reason}`, cause === undefined ? undefined : { cause });
}
