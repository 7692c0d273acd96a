import { SIGNALS } from '../../core/signal.ts';
import { Redaction } from '../record/redaction.ts';
import type { Effect, SideEffect } from './effect.ts';
import type { Totals } from './totals.ts';

/** What a reader has to know of the numbers: of both sides, or of one. */
export function remarksOf({ old, new: now }: Effect, { errorLogsLost }: Totals): string[] {
  const [before, after] = [ofSide(old), ofSide(now)];
  const both = before.filter((remark) => after.includes(remark));
  const redaction = new Redaction([]);
  return [
    ...both,
    ...before.filter((remark) => !both.includes(remark)).map((remark) => `old: ${remark}`),
    ...after.filter((remark) => !both.includes(remark)).map((remark) => `new: ${remark}`),
    ...(errorLogsLost > 0
      ? ['error logs are told apart by their number alone, so it is not known which are lost']
      : []),
  ].map((remark) => redaction.text(remark));
}

function ofSide(side: SideEffect): string[] {
  const { refused, remarks, answers } = side;
  const givenUp = answers.at('retry').items;
  const lost = `${givenUp} requests were refused for now until their clients gave up: what is in them is lost`;
  const partly = `the upstream did not take ${refused} items of requests that it took in part; it is not known which, so tables other than of signals and exporters count them`;
  return [...remarks, ...(givenUp > 0 ? [lost] : []), ...(refused > 0 ? [partly] : []), ...addedUp(side)];
}

/** Whether the exporters are given the same or parts of it, their deliveries add up. */
function addedUp({ exporters }: SideEffect): string[] {
  const names = [...exporters.names()].sort();
  return SIGNALS.flatMap((signal) => {
    const ids = names.filter((name) => name.endsWith(` ${signal}`)).map((name) => name.slice(0, -signal.length - 1));
    if (ids.length < 2) return [];
    return [`${signal} are delivered by ${ids.join(' and ')}, and their numbers add up; --exporter counts one of them`];
  });
}
