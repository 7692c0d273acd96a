import type { Step, Variant } from './world.ts';

/** Runs that failed once, made small by hand or by fast-check. */
export const KEPT: readonly (readonly [Variant, readonly Step[]])[] = [];
