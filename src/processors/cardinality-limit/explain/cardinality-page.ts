import {
  adminError,
  type AdminAnswer,
  type AdminPage,
  type AdminPages,
  type AdminRequest,
} from '../../../core/admin.ts';
import { reportPage } from './report-html.ts';
import type { ProcessorReport } from './report.ts';
import { SKETCH_ERROR } from './sketch.ts';
import { suggestionFor, type OwnLimits } from './suggestion.ts';

const PATH = '/cardinality';

/** One limiter in one pipeline. */
export interface ReportSource {
  readonly own: OwnLimits;
  /** Made when somebody asks. */
  report(): ProcessorReport;
}

/**
 * `/cardinality` of the admin extension: one page for all limiters of a service. What is asked for is `?metric=`, a part of
 * the name, for who has many.
 */
class CardinalityPage implements AdminPage {
  readonly path = PATH;
  readonly summary = 'Metrics over or near their limit of series: which label drives each, since when, and what to do.';
  readonly methods = ['GET'] as const;
  readonly #sources = new Set<ReportSource>();

  join(source: ReportSource): () => void {
    this.#sources.add(source);
    return () => void this.#sources.delete(source);
  }

  answer({ rest, query }: AdminRequest): AdminAnswer {
    if (rest !== '') return adminError(404, 'There is nothing below /cardinality.');
    const part = query.get('metric') ?? '';
    const shown = Array.from(this.#sources, (source) => ({ own: source.own, report: matching(source.report(), part) }));
    const processors = shown.map(({ report }) => report);
    const suggestion = suggestionFor(shown);
    const body = { standardError: SKETCH_ERROR, processors, suggestion };
    return { status: 200, body, html: () => reportPage(processors, suggestion) };
  }
}

function matching(report: ProcessorReport, part: string): ProcessorReport {
  return part === '' ? report : { ...report, metrics: report.metrics.filter(({ metric }) => metric.includes(part)) };
}

/** Adds a limiter to the page, which the first of them makes; what is returned takes it off again. */
export function joinCardinalityPage(pages: AdminPages, source: ReportSource): () => void {
  let page = pages.list().find((each) => each instanceof CardinalityPage);
  if (page === undefined) {
    page = new CardinalityPage();
    pages.add(page);
  }
  return page.join(source);
}
