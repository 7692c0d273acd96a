import { AsyncLocalStorage } from 'node:async_hooks';

/** Environment variables, by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

const instead = new AsyncLocalStorage<Environment>();

/** The variables of the process, or those that `withEnvironment` gives in their place. */
export function environment(): Environment {
  return instead.getStore() ?? process.env;
}

/** Runs something, and all that it starts, with these variables in the place of those of the process: for replay. */
export function withEnvironment<T>(variables: Environment, run: () => T): T {
  return instead.run(variables, run);
}
