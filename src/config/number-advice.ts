import { parseByteSize } from '../core/settings.ts';
import type { Path } from './problem.ts';

/** Sizes of a sending_queue: what they count is said by a key beside them. */
const BY_SIZER = /\.sending_queue\.(queue_size|batch\.(min|max)_size)$/;

/** What to write instead of `text` where a schema wants a number; undefined when it is nothing like one. */
export function numberAdvice(path: Path, text: string): string | undefined {
  if (text.trim() === '' || !/^[-+.]?\d/.test(text)) return undefined;
  if (Number.isFinite(Number(text))) return 'write it without quotes';
  const bytes = parseByteSize(text);
  const at = path.join('.');
  if (bytes === undefined || !BY_SIZER.test(at)) return 'write a number without a unit';
  const bound = at.endsWith('.queue_size') ? `; max_bytes takes sizes such as ${text}` : '';
  return `it counts what sizer says: with "sizer: bytes" write ${bytes}${bound}`;
}
