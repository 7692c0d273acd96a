import { textOf } from '../output/json-value.ts';
import { titleOf, type Item } from '../output/items.ts';
import { Findings, type Check } from './check.ts';

interface Arrived {
  readonly title: string;
  readonly traceId: string;
}

/** Every trace with a span of status ERROR in the input arrives whole. */
export function errorTracesKept(): Check {
  const arrived = new Map<string, Arrived>();
  const withErrors = new Set<string>();
  return {
    name: 'error_traces_kept',
    arrived(item) {
      if (item.signal !== 'traces') return;
      const traceId = textOf(item.body, 'traceId');
      if (isError(item)) withErrors.add(traceId);
      arrived.set(spanKey(item), { title: titleOf(item), traceId });
    },
    delivered(item) {
      if (item.signal === 'traces') arrived.delete(spanKey(item));
    },
    verdict() {
      const findings = new Findings();
      const traces = new Set<string>();
      for (const { title, traceId } of arrived.values()) {
        if (!withErrors.has(traceId)) continue;
        traces.add(traceId);
        findings.add(() => title);
      }
      return findings.failure((count) => `${count} spans of ${traces.size} traces with an error did not arrive`);
    },
  };
}

export function spanKey({ body }: Item): string {
  return `${textOf(body, 'traceId')} ${textOf(body, 'spanId')}`;
}

function isError({ body }: Item): boolean {
  const { status } = body;
  return typeof status === 'object' && status !== null && 'code' in status && status.code === STATUS_ERROR;
}

const STATUS_ERROR = 2;
