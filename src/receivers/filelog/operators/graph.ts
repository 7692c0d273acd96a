import { errorMessage } from '../../../core/errors.ts';
import type { Logger } from '../../../core/logger.ts';
import type { Count } from '../../../core/meter.ts';
import type { Random } from '../../../core/random.ts';
import type { OperatorConfig } from './config.ts';
import type { Joins } from './joins.ts';
import { copyEntry, type Entry } from './entry.ts';
import { operatorIds, operatorIndexes } from './links.ts';
import { compileStep } from './steps.ts';

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

/** The operators of a receiver, compiled once. Entries that come through go to `end`. The links were checked before. */
export function compileGraph(operators: readonly OperatorConfig[], end: Node, environment: OperatorEnvironment): Node {
  const ids = operatorIds(operators);
  const indexes = operatorIndexes(operators);
  const nodes = new Map<number, Node>();
  const nodeAt = (index: number): Node => {
    const operator = operators[index];
    if (operator === undefined) return end;
    const made = nodes.get(index) ?? compileNode(operator, { id: ids[index] ?? '', index });
    nodes.set(index, made);
    return made;
  };
  const target = (outputs: readonly string[]): Node => {
    const targets = outputs.map((id) => nodeAt(indexes.get(id) ?? operators.length));
    const [only] = targets;
    return targets.length === 1 && only !== undefined ? only : new FanOutNode(targets);
  };
  const compileNode = (operator: OperatorConfig, { id, index }: { id: string; index: number }): Node => {
    const next = operator.output === undefined ? nodeAt(index + 1) : target(operator.output);
    if (operator.type === 'noop') return next;
    if (operator.type === 'container') return environment.joins.containerNode(operator, id, next);
    return new StepNode({ id, step: compileStep(operator), onError: operator.on_error, next, environment });
  };
  return nodeAt(0);
}

/** Every target gets an entry of its own. */
class FanOutNode implements Node {
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

interface StepNodeOptions extends FailingOperator {
  readonly step: Step;
  readonly next: Node;
}

/** A step, and what happens to an entry that it fails on. */
class StepNode implements Node {
  readonly #options: StepNodeOptions;
  readonly #step: Step;
  readonly #next: Node;

  constructor(options: StepNodeOptions) {
    this.#options = options;
    this.#step = options.step;
    this.#next = options.next;
  }

  accept(entry: Entry): void {
    let reason: string | undefined;
    try {
      reason = this.#step(entry);
    } catch (error) {
      reason = errorMessage(error);
    }
    if (reason === undefined || passesOn(this.#options, reason)) this.#next.accept(entry);
  }
}

export interface FailingOperator {
  readonly id: string;
  readonly onError: OnError;
  readonly environment: Pick<OperatorEnvironment, 'log' | 'parseErrors' | 'droppedLines'>;
}

/** Counts and reports an entry that an operator failed on; true when it goes on as it is. */
export function passesOn({ id, onError, environment }: FailingOperator, reason: string): boolean {
  const { log, parseErrors, droppedLines } = environment;
  parseErrors.value += 1;
  const fields = { operator: id, reason };
  if (onError === 'send' || onError === 'drop') log.warn('An operator failed on a line.', fields);
  else log.debug('An operator failed on a line.', fields);
  if (onError === 'send' || onError === 'send_quiet') return true;
  droppedLines.value += 1;
  return false;
}
