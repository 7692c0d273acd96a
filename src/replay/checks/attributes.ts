import { counted } from '../counted.ts';
import { pointOf, type Item } from '../output/items.ts';
import { textOf } from '../output/json-value.ts';
import { Findings, type Check } from './check.ts';
import { findIn, type AttributePattern } from './places.ts';
import { UnseenValues } from './unseen-values.ts';

/** No attribute of this kind leaves; with a value alone, no text either. What was taken out of a value may have been of it. */
export function noAttribute(pattern: AttributePattern): Check {
  const [findings, unseen] = [new Findings(), new UnseenValues(pattern)];
  const { key, value } = pattern;
  const parts = [key === undefined ? '' : ` key ${key.source}`, value === undefined ? '' : ` value ${value.source}`];
  let seen = 0;
  return {
    name: `no_attribute${parts.join('')}`,
    // What is printed has left, too.
    countsDebug: true,
    delivered(item, exporter) {
      seen += 1;
      const found = firstMatch(item, pattern);
      if (found !== undefined) findings.add(() => `${found} of ${placeOf(item, pattern)}, delivered by ${exporter}`);
      unseen.add(item);
    },
    verdict: () =>
      seen === 0
        ? { message: 'nothing was delivered, so it proves nothing', examples: [] }
        : (findings.failure(
            (count) => `${counted(count, 'item')} ${count === 1 ? 'has' : 'have'} what may not leave`,
          ) ?? unseen.failure()),
  };
}

function firstMatch(item: Item, pattern: AttributePattern): string | undefined {
  let found: string | undefined;
  const isEnough = (at: string): boolean => {
    found = at;
    return true;
  };
  if (!findIn(item.surroundings, pattern, '', isEnough)) findIn(item.body, pattern, '', isEnough);
  return found;
}

/** Which item it is. Nothing of its texts is told, for what may not leave may be in any of them, and reports are public. */
function placeOf({ signal, body }: Item, { value }: AttributePattern): string {
  switch (signal) {
    case 'traces':
      return `span ${textOf(body, 'spanId')} of trace ${textOf(body, 'traceId')}`;
    case 'logs':
      return `log at ${timeText(textOf(body, 'timeUnixNano') || textOf(body, 'observedTimeUnixNano'))}`;
    case 'metrics': {
      const name = textOf(body, 'name');
      const isSafe = value?.test(name) !== true;
      return `metric ${isSafe ? name : '[REDACTED]'} at ${timeText(textOf(pointOf(body), 'timeUnixNano'))}`;
    }
  }
}

function timeText(nanos: string): string {
  const time = new Date(Number(nanos) / 1e6);
  return nanos === '' || Number.isNaN(time.getTime()) ? 'an unknown time' : time.toISOString();
}
