import { relative, resolve } from 'node:path';
import { Document, isMap, isSeq } from 'yaml';
import { durationText } from '../../core/settings.ts';
import { FORMAT } from '../fixture/manifest.ts';
import type { InputKind } from '../fixture/input-files.ts';
import type { UpstreamAnswer, UpstreamPhase } from '../input.ts';

export interface ManifestParts {
  readonly title: string;
  readonly startMs: number;
  readonly instance: string;
  readonly redactions: readonly string[];
  /** Configuration files, as the command was given them. */
  readonly configs: readonly string[];
  readonly sets: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** What is known at the end. */
export interface ManifestEnd {
  readonly untilMs: number;
  /** How the upstream behaved, and whether that is all of it. */
  readonly upstream: { readonly phases: readonly UpstreamPhase[]; readonly isWhole: boolean };
  /** Lines of each file. */
  readonly input: Readonly<Record<InputKind, number>>;
  /** Why the recording ended before the run; undefined when it did not. */
  readonly cutShort: string | undefined;
}

const UNDER_WAY = ` This was recorded until something ended it by force: what came last, and how the upstream behaved, is not in it.
 Cut off a last line that has no end.`;

/** The manifest of a recording in `folder`; without its `end`, of one that is under way. */
export function manifestText(folder: string, parts: ManifestParts, end?: ManifestEnd): string {
  const { title, startMs, redactions, instance } = parts;
  const phases = end?.upstream.phases ?? [];
  const document = new Document({
    format: FORMAT,
    title,
    source: { from: 'remora record', recorded: new Date(startMs).toISOString().slice(0, 10) },
    redactions,
    start: new Date(startMs).toISOString(),
    zone: new Intl.DateTimeFormat().resolvedOptions().timeZone,
    ...(end === undefined ? {} : { until: `${end.untilMs}ms` }),
    instance,
    // Of one that the disk did not take nobody knows what it has.
    ...(end === undefined || end.cutShort !== undefined ? {} : { input: end.input }),
    ...(phases.length === 0 ? {} : { upstream: phases.map(phaseOf) }),
    replays: { recorded: replayOf(folder, parts) },
  });
  document.commentBefore = end === undefined ? UNDER_WAY : commentOf(end);
  const input = document.get('input', true);
  if (isMap(input)) input.flow = true;
  noteUpstream(document, end?.upstream.isWhole ?? true);
  return document.toString({ lineWidth: 120 });
}

function replayOf(folder: string, { configs, sets, env }: ManifestParts): object {
  const from = resolve(folder);
  return {
    config: configs.map((path) => relative(from, resolve(path))),
    ...(sets.length === 0 ? {} : { set: sets }),
    ...(Object.keys(env).length === 0 ? {} : { env }),
  };
}

function commentOf({ cutShort }: ManifestEnd): string | null {
  return cutShort === undefined ? null : ` The recording ended before the run did: ${cutShort}`;
}

/** As the manifest writes it. */
function phaseOf({ exporter, signal, fromMs, untilMs, delayMs, answer }: UpstreamPhase): object {
  return {
    ...(exporter === undefined ? {} : { exporter }),
    ...(signal === undefined ? {} : { signal }),
    from: durationText(fromMs),
    ...(Number.isFinite(untilMs) ? { until: durationText(untilMs) } : {}),
    ...(delayMs === 0 ? {} : { delay: durationText(delayMs) }),
    answer: answerOf(answer),
  };
}

function answerOf(answer: UpstreamAnswer): unknown {
  switch (answer.kind) {
    case 'status': {
      const { status, message, retryAfterMs } = answer;
      const retry = retryAfterMs === undefined ? {} : { retry_after: durationText(Math.round(retryAfterMs)) };
      return { status, ...(message === '' ? {} : { message }), ...retry };
    }
    case 'partial': {
      const { rejected, message } = answer;
      return { rejected, ...(message === '' ? {} : { message }) };
    }
    case 'accept':
    case 'unreachable':
    case 'hang':
      return answer.kind;
  }
}

function noteUpstream(document: Document, isWhole: boolean): void {
  const upstream = document.get('upstream', true);
  if (!isSeq(upstream)) return;
  const rest = isWhole ? '' : '\n It changed more often than is kept here: after the last of these it accepts.';
  upstream.commentBefore = ` How the upstream behaved when it did not accept at once.${rest}`;
  for (const phase of upstream.items) if (isMap(phase)) phase.flow = true;
}
