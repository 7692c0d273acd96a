import { amountText, changeText, timeText } from './amounts.ts';
import type { EffectReport } from './sections.ts';
import type { Totals } from './totals.ts';

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
  parts.push(errorsText(totals), tracesText(totals));
  return parts;
}

/** That nothing is lost of nothing says nothing about the change. */
function errorsText({ errorSpans, errorLogs, errorsLost }: Totals): string {
  if (errorsLost === 1) return '1 error is lost.';
  if (errorsLost > 0) return `${amountText(errorsLost, 'count', '')} errors are lost.`;
  if (errorSpans.old + errorLogs.old + errorSpans.new + errorLogs.new > 0) return 'No error is lost.';
  const came = (errorSpans.input ?? 0) + (errorLogs.input ?? 0);
  return came > 0 ? 'No error is delivered, before or after.' : 'There is no error in it to lose.';
}

function tracesText({ traces, old, tracesBroken }: Totals): string {
  if (tracesBroken === 1) return '1 trace is broken.';
  if (tracesBroken > 0) return `${amountText(tracesBroken, 'count', '')} traces are broken.`;
  if (traces === 0) return 'There is no trace in it.';
  return old.whole === 0 ? 'No trace was whole before.' : 'No trace is broken.';
}

/** What was replayed. */
export function subjectOf({ fixtures, inputMs }: EffectReport): string {
  return `${fixtures.join(', ')}: ${timeText(inputMs)} of recorded input`;
}
