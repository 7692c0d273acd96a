import { amountText, changeText, timeText } from './amounts.ts';
import type { EffectReport, Line } from './sections.ts';
import type { Totals } from './totals.ts';

/** Whether something is lost that nobody wants to lose. */
export function isBad({ totals }: EffectReport): boolean {
  return totals.errorsLost > 0 || totals.tracesBroken > 0;
}

/** What matters most, in a sentence or two; what is bad comes first. */
export function verdictOf(report: EffectReport): string[] {
  const losses = [errorsText(report.totals), tracesText(report.totals)];
  return isBad(report) ? [...losses, amountsText(report)] : [amountsText(report), ...losses];
}

function amountsText({ sections: [summary] }: EffectReport): string {
  const line = (name: string): Line | undefined => summary?.lines.find((one) => one.name === name);
  const [items, bytes, cost] = [line('Items delivered'), line('Bytes delivered'), line('Cost a month')];
  if (items === undefined || bytes === undefined || items.old + items.new === 0) return 'Nothing is delivered.';
  if (items.new === 0) return 'Nothing is delivered any more.';
  if (items.old === items.new && bytes.old === bytes.new) return 'As much is delivered as before.';
  const costs = cost === undefined ? '' : `, cost ${changeText(cost.old, cost.new)}`;
  return `Items ${changeText(items.old, items.new)}, bytes ${changeText(bytes.old, bytes.new)}${costs}.`;
}

/** That nothing is lost of nothing says nothing about the change. */
function errorsText({ errorSpans, errorLogs, errorsLost }: Totals): string {
  if (errorsLost === 1) return '1 error is lost.';
  if (errorsLost > 0) return `${amountText(errorsLost, 'count', '')} errors are lost.`;
  if (errorSpans.old + errorLogs.old + errorSpans.new + errorLogs.new > 0) return 'No error is lost.';
  const came = (errorSpans.input ?? 0) + (errorLogs.input ?? 0);
  return came > 0 ? 'No error is delivered, before or after.' : 'There is no error in it to lose.';
}

function tracesText({ traces, old, tracesBroken, tracesGone }: Totals): string {
  const parts = [
    ...(tracesBroken > 0 ? [`${tracesAre(tracesBroken)} broken`] : []),
    ...(tracesGone > 0 ? [`${tracesAre(tracesGone)} gone`] : []),
  ];
  if (tracesBroken === 0 && tracesGone > 0 && old.whole > 0) parts.push('none is broken');
  if (parts.length > 0) return `${parts.join(', ')}.`;
  if (traces === 0) return 'There is no trace in it.';
  return old.whole === 0 ? 'No trace was whole before.' : 'No trace is broken.';
}

function tracesAre(count: number): string {
  return count === 1 ? '1 trace is' : `${amountText(count, 'count', '')} traces are`;
}

/** What was replayed. */
export function subjectOf({ fixtures, inputMs }: EffectReport): string {
  return `${fixtures.join(', ')}: ${timeText(inputMs)} of recorded input`;
}
