import { goPattern } from '../../core/go-pattern.ts';
import type { AttributeList } from '../../otlp/attribute-list.ts';
import type { TransformConfig } from './config.ts';
import { isLabelText, labelText } from './label-text.ts';

/** Whether a data point is meant: experimental_match_labels. */
export type LabelFilter = (labels: AttributeList) => boolean;

/** Undefined when every data point is meant. */
export function labelFilter(
  config: Pick<TransformConfig, 'match_type' | 'experimental_match_labels'>,
): LabelFilter | undefined {
  const tests = Object.entries(config.experimental_match_labels).map(([label, text]) =>
    labelTest(Buffer.from(label), text, config.match_type),
  );
  if (tests.length === 0) return undefined;
  return (labels) => {
    for (const test of tests) if (!test(labels)) return false;
    return true;
  };
}

function labelTest(key: Uint8Array, text: string, type: TransformConfig['match_type']): LabelFilter {
  if (type === 'strict') {
    const expected = Buffer.from(text);
    return (labels) => isLabelText(labels, labels.find(key), expected);
  }
  const pattern = goPattern(text);
  return (labels) => pattern.test(labelText(labels, labels.find(key)));
}
