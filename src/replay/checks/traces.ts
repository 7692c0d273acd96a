import { counted } from '../counted.ts';
import { textOf } from '../output/json-value.ts';
import type { Item } from '../output/items.ts';
import { Findings, type Check } from './check.ts';

interface InputTrace {
  hasError: boolean;
  /** Names of the spans that did not arrive yet, by their ids. */
  readonly missing: Map<string, string>;
}

/** Every trace with a span of status ERROR in the input arrives whole. */
export function errorTracesKept(): Check {
  const traces = new Map<string, InputTrace>();
  return {
    name: 'error_traces_kept',
    signal: 'traces',
    arrived({ body }) {
      const traceId = textOf(body, 'traceId');
      const trace = traces.get(traceId) ?? { hasError: false, missing: new Map<string, string>() };
      traces.set(traceId, trace);
      trace.hasError ||= isError(body);
      trace.missing.set(textOf(body, 'spanId'), textOf(body, 'name'));
    },
    delivered({ body }) {
      traces.get(textOf(body, 'traceId'))?.missing.delete(textOf(body, 'spanId'));
    },
    verdict() {
      const withErrors = [...traces].filter(([, { hasError }]) => hasError);
      if (withErrors.length === 0)
        return { message: 'the input has no trace with an error, so it proves nothing', examples: [] };
      const findings = new Findings();
      const broken = withErrors.filter(([, { missing }]) => missing.size > 0);
      for (const [traceId, { missing }] of broken)
        for (const [spanId, name] of missing) findings.add(() => `span ${spanId} of trace ${traceId} "${name}"`);
      return findings.failure(
        (count) => `${counted(count, 'span')} of ${counted(broken.length, 'trace')} with an error did not arrive`,
      );
    },
  };
}

export function spanKey({ body }: Item): string {
  return `${textOf(body, 'traceId')} ${textOf(body, 'spanId')}`;
}

function isError({ status }: Item['body']): boolean {
  return typeof status === 'object' && status !== null && 'code' in status && status.code === STATUS_ERROR;
}

const STATUS_ERROR = 2;
