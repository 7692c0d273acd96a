import type { OperatorConfig } from './config.ts';
import { operatorIds, operatorIndexes } from './links.ts';
import {
  ConditionNode,
  DropNode,
  FanOutNode,
  RouterNode,
  StepNode,
  type FailingOperator,
  type Node,
  type OperatorEnvironment,
} from './nodes.ts';
import type { RouterConfig } from './routing-settings.ts';
import { compileStep } from './steps.ts';

/** The operators of a receiver, compiled once. Entries that come through go to `end`. The links were checked before. */
export function compileGraph(operators: readonly OperatorConfig[], end: Node, environment: OperatorEnvironment): Node {
  return new GraphCompiler(operators, end, environment).nodeAt(0);
}

class GraphCompiler {
  readonly #operators: readonly OperatorConfig[];
  readonly #end: Node;
  readonly #environment: OperatorEnvironment;
  readonly #ids: readonly string[];
  readonly #indexes: ReadonlyMap<string, number>;
  readonly #nodes = new Map<number, Node>();

  constructor(operators: readonly OperatorConfig[], end: Node, environment: OperatorEnvironment) {
    this.#operators = operators;
    this.#end = end;
    this.#environment = environment;
    this.#ids = operatorIds(operators);
    this.#indexes = operatorIndexes(operators);
  }

  nodeAt(index: number): Node {
    const operator = this.#operators[index];
    if (operator === undefined) return this.#end;
    const node = this.#nodes.get(index) ?? this.#compile(operator, index);
    this.#nodes.set(index, node);
    return node;
  }

  #target(outputs: readonly string[]): Node {
    const targets = outputs.map((id) => this.nodeAt(this.#indexes.get(id) ?? this.#operators.length));
    const [only] = targets;
    return targets.length === 1 && only !== undefined ? only : new FanOutNode(targets);
  }

  #compile(operator: OperatorConfig, index: number): Node {
    const failing = {
      id: this.#ids[index] ?? '',
      onError: operator.on_error ?? ('send' as const),
      environment: this.#environment,
    };
    if (operator.type === 'router') return this.#router(operator, failing);
    const next = operator.output === undefined ? this.nodeAt(index + 1) : this.#target(operator.output);
    const node = this.#unconditional(operator, next, failing);
    if (operator.if === undefined || node === next) return node;
    return new ConditionNode(operator.if, { then: node, otherwise: next, onFailure: next }, failing);
  }

  /** The operator without its `if`. */
  #unconditional(operator: Exclude<OperatorConfig, RouterConfig>, next: Node, failing: FailingOperator): Node {
    if (operator.type === 'noop') return next;
    if (operator.type === 'container') return this.#environment.joins.containerNode(operator, failing.id, next);
    if (operator.type === 'recombine') return this.#environment.joins.recombineNode(operator, failing.id, next);
    if (operator.type !== 'filter') return new StepNode(compileStep(operator), next, failing);
    const drop = new DropNode(operator.drop_ratio, next, this.#environment);
    return new ConditionNode(operator.expr, { then: drop, otherwise: next, onFailure: next }, failing);
  }

  #router(router: RouterConfig, failing: FailingOperator): Node {
    const routes = router.routes.map(({ expr, attributes, output }) => ({
      condition: expr,
      attributes: [...attributes],
      target: this.#target(output),
    }));
    // A line that no route takes is dropped, and counted.
    const drop = new DropNode(1, this.#end, this.#environment);
    return new RouterNode(routes, router.default === undefined ? drop : this.#target(router.default), failing);
  }
}
