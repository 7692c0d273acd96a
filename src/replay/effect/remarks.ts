import { SIGNALS } from '../../core/signal.ts';
import { Redaction } from '../record/redaction.ts';
import { counted } from '../counted.ts';
import type { Effect, SideEffect } from './effect.ts';
import { MAX_NAMED, type ErrorLogEffect } from './error-logs.ts';

/** What a reader has to know of the numbers: of both sides, or of one. */
export function remarksOf({ fixtures, old, new: now }: Effect): string[] {
  const [before, after] = [ofSide(old), ofSide(now)];
  const both = before.filter((remark) => after.includes(remark));
  const redaction = new Redaction([]);
  return [
    ...both,
    ...before.filter((remark) => !both.includes(remark)).map((remark) => `old: ${remark}`),
    ...after.filter((remark) => !both.includes(remark)).map((remark) => `new: ${remark}`),
    ...(fixtures.some(({ spans: { variance } }) => variance.old + variance.new > 0) ? [ESTIMATE] : []),
    ...ofErrorLogs(fixtures.map(({ errorLogs }) => errorLogs)),
  ].map((remark) => redaction.text(remark));
}

const ESTIMATE =
  'spans represented are an estimate from the traces that sampling chose by chance: it is off by about what stands behind ±, and now and then by twice as much';

/** They have no ids. */
function ofErrorLogs(all: readonly ErrorLogEffect[]): string[] {
  const unsure = all.reduce((sum, { gone, lost }) => sum + gone - lost, 0);
  const isUnnamed = all.some(({ lost, examples }) => lost > 0 && examples.size === 0);
  return [
    ...(unsure > 0
      ? [
          `${counted(unsure, 'error log')} of before ${unsure === 1 ? 'is' : 'are'} not there, and as many others are: whether lost, or changed in time and text, is not known`,
        ]
      : []),
    ...(isUnnamed
      ? [`only the first ${MAX_NAMED} error logs of a fixture can be named, and none of them is lost`]
      : []),
  ];
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
