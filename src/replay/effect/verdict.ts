import { amountText, changeText, timeText } from './amounts.ts';
import type { EffectReport } from './sections.ts';

/** What matters most, in a sentence or two. */
export function verdictOf({ totals, sections }: EffectReport): string[] {
  const [summary] = sections;
  const line = (name: string) => summary?.lines.find((one) => one.name === name);
  const parts: string[] = [];
  const [items, bytes, cost] = [line('Items delivered'), line('Bytes delivered'), line('Cost a month')];
  if (items !== undefined && bytes !== undefined) {
    const isSame = items.old === items.new && bytes.old === bytes.new;
    parts.push(
      isSame
        ? 'As much is delivered as before.'
        : `Items ${changeText(items.old, items.new)}, bytes ${changeText(bytes.old, bytes.new)}${cost === undefined ? '' : `, cost ${changeText(cost.old, cost.new)}`}.`,
    );
  }
  const { errorsLost, tracesBroken } = totals;
  parts.push(
    errorsLost === 0 ? 'No error is lost.' : `${amountText(errorsLost, 'count', '')} errors are lost.`,
    tracesBroken === 0 ? 'No trace is broken.' : `${amountText(tracesBroken, 'count', '')} traces are broken.`,
  );
  return parts;
}

/** What was replayed. */
export function subjectOf({ fixtures, inputMs }: EffectReport): string {
  return `${fixtures.join(', ')}: ${timeText(inputMs)} of recorded input`;
}
