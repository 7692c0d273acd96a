import { errorMessage } from '../../../core/errors.ts';
import type { Logger } from '../../../core/logger.ts';
import type { Count } from '../../../core/meter.ts';
import type { Random } from '../../../core/random.ts';
import { copyEntry, type Entry } from './entry.ts';
import type { Condition, Expression } from './expression/compile.ts';
import type { Joins } from './joins.ts';

/** Takes an entry over: changes it, drops it and counts that, holds it, or hands it on. Never throws. */
export interface Node {
  accept(entry: Entry): void;
}

/** Does one thing to an entry. Returns the reason when it cannot, having changed nothing that matters. May throw. */
export type Step = (entry: Entry) => string | undefined;

export type OnError = 'send' | 'drop' | 'send_quiet' | 'drop_quiet';

/** What operators are given. */
export interface OperatorEnvironment {
  readonly log: Logger;
  readonly random: Random;
  readonly parseErrors: Count;
  readonly droppedLines: Count;
  /** Makes operators that keep lines back. */
  readonly joins: Joins;
}

/** An operator, as failures need to know it. */
export interface FailingOperator {
  readonly id: string;
  readonly onError: OnError;
  readonly environment: Pick<OperatorEnvironment, 'log' | 'parseErrors' | 'droppedLines'>;
}

/** Counts and reports an entry that an operator failed on; true when it goes on as it is, else it counts as dropped. */
export function passesOn({ id, onError, environment }: FailingOperator, reason: string, entry?: Entry): boolean {
  const { log, parseErrors, droppedLines } = environment;
  parseErrors.value += 1;
  const fields = { operator: id, reason, ...placeOf(entry) };
  if (onError === 'send' || onError === 'drop') log.warn('An operator failed on a line.', fields);
  else log.debug('An operator failed on a line.', fields);
  if (onError === 'send' || onError === 'send_quiet') return true;
  droppedLines.value += 1;
  return false;
}

/** The file, by the name that the record has of it, and the place there. Not the text, which may be secret. */
function placeOf(entry: Entry | undefined): Readonly<Record<string, string | number>> {
  const file = entry?.attributes.get('log.file.path') ?? entry?.attributes.get('log.file.name');
  return entry !== undefined && typeof file === 'string' ? { file, offset: entry.offset } : {};
}

/** Hands on what the step did its work on. */
export class StepNode implements Node {
  readonly #step: Step;
  readonly #next: Node;
  readonly #operator: FailingOperator;

  constructor(step: Step, next: Node, operator: FailingOperator) {
    this.#step = step;
    this.#next = next;
    this.#operator = operator;
  }

  accept(entry: Entry): void {
    let reason: string | undefined;
    try {
      reason = this.#step(entry);
    } catch (error) {
      reason = errorMessage(error);
    }
    if (reason === undefined || passesOn(this.#operator, reason, entry)) this.#next.accept(entry);
  }
}

export interface Branches {
  readonly then: Node;
  readonly otherwise: Node;
  /** Where an entry goes on for which the condition has no answer, unless it is dropped. */
  readonly onFailure: Node;
}

/** One of two ways. */
export class ConditionNode implements Node {
  readonly #condition: Condition;
  readonly #branches: Branches;
  readonly #operator: FailingOperator;

  constructor(condition: Condition, branches: Branches, operator: FailingOperator) {
    this.#condition = condition;
    this.#branches = branches;
    this.#operator = operator;
  }

  accept(entry: Entry): void {
    const { then, otherwise, onFailure } = this.#branches;
    let next: Node;
    try {
      next = this.#condition(entry) ? then : otherwise;
    } catch (error) {
      if (!passesOn(this.#operator, errorMessage(error), entry)) return;
      next = onFailure;
    }
    next.accept(entry);
  }
}

/** Drops entries, all or a part of them. */
export class DropNode implements Node {
  readonly #ratio: number;
  readonly #next: Node;
  readonly #environment: OperatorEnvironment;

  constructor(ratio: number, next: Node, environment: OperatorEnvironment) {
    this.#ratio = ratio;
    this.#next = next;
    this.#environment = environment;
  }

  accept(entry: Entry): void {
    if (this.#environment.random() < this.#ratio) this.#environment.droppedLines.value += 1;
    else this.#next.accept(entry);
  }
}

/** Every target gets an entry of its own. */
export class FanOutNode implements Node {
  readonly #targets: readonly Node[];

  constructor(targets: readonly Node[]) {
    this.#targets = targets;
  }

  accept(entry: Entry): void {
    const last = this.#targets.length - 1;
    for (let i = 0; i < last; i++) this.#targets[i]?.accept(copyEntry(entry));
    this.#targets[last]?.accept(entry);
  }
}

export interface Route {
  readonly condition: Condition;
  readonly attributes: readonly (readonly [key: string, value: string | Expression])[];
  readonly target: Node;
}

/** The first route whose condition holds takes the entry. One whose condition fails does not hold. */
export class RouterNode implements Node {
  readonly #routes: readonly Route[];
  readonly #fallback: Node;
  readonly #operator: FailingOperator;

  constructor(routes: readonly Route[], fallback: Node, operator: FailingOperator) {
    this.#routes = routes;
    this.#fallback = fallback;
    this.#operator = operator;
  }

  accept(entry: Entry): void {
    this.#choose(entry).accept(entry);
  }

  #choose(entry: Entry): Node {
    for (const { condition, attributes, target } of this.#routes) {
      try {
        if (!condition(entry)) continue;
        for (const [key, value] of attributes) {
          entry.attributes.set(key, typeof value === 'string' ? value : value(entry));
        }
        return target;
      } catch (error) {
        passesOn(this.#operator, errorMessage(error), entry);
      }
    }
    return this.#fallback;
  }
}
