/** How operators follow one another: ids, outputs, and what is wrong with them. */
export interface Linked {
  readonly type: string;
  readonly id?: string | undefined;
  readonly output?: readonly string[] | undefined;
  /** Of a router. */
  readonly routes?: readonly { readonly output: readonly string[] }[] | undefined;
  readonly default?: readonly string[] | undefined;
}

/** The id of every operator: the one given, or the type, with a number when the type stands before it already. */
export function operatorIds(operators: readonly Linked[]): string[] {
  const ids = operators.map(({ id, type }) => id ?? type);
  const taken = new Set(ids);
  const seen = new Map<string, number>();
  return ids.map((id, i) => {
    if (id !== operators[i]?.type) return id;
    let count = seen.get(id) ?? 0;
    seen.set(id, count + 1);
    if (count === 0) return id;
    while (taken.has(`${id}${count}`)) count += 1;
    seen.set(id, count + 1);
    return `${id}${count}`;
  });
}

/** Index of every operator by id. A `noop` that is not in the list is the end of the list. */
export function operatorIndexes(operators: readonly Linked[]): ReadonlyMap<string, number> {
  const indexes = new Map(operatorIds(operators).map((id, i) => [id, i]));
  if (!indexes.has('noop')) indexes.set('noop', operators.length);
  return indexes;
}

export interface LinkProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** Duplicate ids, outputs that lead nowhere, and cycles. */
export function linkProblems(operators: readonly Linked[]): LinkProblem[] {
  const ids = operatorIds(operators);
  const problems: LinkProblem[] = ids.flatMap((id, i) =>
    ids.indexOf(id) === i ? [] : [{ path: [i, 'id'], message: `two operators have the id "${id}"` }],
  );
  const indexes = operatorIndexes(operators);
  for (const [i, operator] of operators.entries()) {
    for (const { path, id } of outputsOf(operator)) {
      if (indexes.has(id)) continue;
      const message = `there is no operator with the id "${id}"; there are ${[...indexes.keys()].join(', ')}`;
      problems.push({ path: [i, ...path], message });
    }
  }
  if (problems.length > 0) return problems;
  const cycle = findCycle(operators, indexes);
  if (cycle !== undefined) {
    const message = `lines would go around for ever: ${cycle.map((i) => ids[i] ?? '').join(' -> ')}; operators lead to later ones`;
    problems.push({ path: [cycle.at(-2) ?? 0], message });
  }
  return problems;
}

function outputsOf(operator: Linked): { path: (string | number)[]; id: string }[] {
  const routes = operator.routes ?? [];
  return [
    ...(operator.output ?? []).map((id) => ({ path: ['output'], id })),
    ...routes.flatMap((route, r) => route.output.map((id) => ({ path: ['routes', r, 'output'], id }))),
    ...(operator.default ?? []).map((id) => ({ path: ['default'], id })),
  ];
}

/** Indexes along a cycle, the first again at the end. */
function findCycle(operators: readonly Linked[], indexes: ReadonlyMap<string, number>): number[] | undefined {
  const done = new Set<number>();
  const trail: number[] = [];
  const visit = (i: number): number[] | undefined => {
    const operator = operators[i];
    if (operator === undefined || done.has(i)) return undefined;
    if (trail.includes(i)) return [...trail.slice(trail.indexOf(i)), i];
    trail.push(i);
    const outputs = outputsOf(operator).map(({ id }) => indexes.get(id) ?? operators.length);
    if (operator.output === undefined && operator.routes === undefined) outputs.push(i + 1);
    for (const next of outputs) {
      const cycle = visit(next);
      if (cycle !== undefined) return cycle;
    }
    trail.pop();
    done.add(i);
    return undefined;
  };
  for (const i of operators.keys()) {
    const cycle = visit(i);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}
