/** Languages whose stack traces are known. Apart from their grammars, which only a receiver that joins lines needs. */
export const STACK_TRACE_PRESETS = ['java', 'python', 'go', 'node', 'ruby', 'dotnet', 'php'] as const;
export type StackTracePreset = (typeof STACK_TRACE_PRESETS)[number];
