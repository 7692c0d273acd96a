import type { HtmlPage } from '../../../core/admin.ts';
import { html, type Html } from './html.ts';
import { PAGE_STYLE } from './page-style.ts';
import type { LabelReport, MetricReport, ProcessorReport } from './report.ts';
import { amount, grouped } from './sentence.ts';
import { EXACT_TO, SKETCH_ERROR } from './sketch.ts';

/** Labels that are in sight; the rest is behind a click. */
const LABELS_IN_SIGHT = 8;

/** `/cardinality` for people. Everything from outside is text in it: see `html`. `suggestion`: all advice as one YAML. */
export function reportPage(processors: readonly ProcessorReport[], suggestion: string): HtmlPage {
  const body = html`<header>
      <h1>Cardinality</h1>
      <p class="summary">${summaryOf(processors)}</p>
      <nav><a href="?format=json">As JSON</a></nav>
    </header>
    <main>${processors.map(processorSection)} ${suggestionSection(suggestion)}</main>
    <footer>
      Numbers above ${EXACT_TO} that are called <i>about</i> are estimates with a standard error of
      ${(SKETCH_ERROR * 100).toFixed(1)} %. Values are some of those that came, cut short. Times are UTC.
    </footer>`;
  return { title: 'Cardinality · Remora', style: PAGE_STYLE, body: body.text };
}

function suggestionSection(suggestion: string): Html {
  if (suggestion === '') return html``;
  return html`<section>
    <h2>All of it at once</h2>
    <p>
      The first advice for each, with the entries that the lists have now, to be given as one more
      <code>--config</code>.
    </p>
    <pre><code>${suggestion}</code></pre>
  </section>`;
}

function summaryOf(processors: readonly ProcessorReport[]): Html {
  const metrics = processors.flatMap((processor) => processor.metrics);
  if (metrics.some(({ unit }) => unit === 'values')) return mixedSummaryOf(metrics);
  const over = metrics.filter(({ state }) => state === 'over').length;
  const near = metrics.length - over;
  if (metrics.length === 0) {
    return processors.every(({ of }) => of === 'metrics')
      ? html`No metric is near its limit of series.`
      : html`Nothing is near its limit.`;
  }
  return html`<b class="over">${over}</b> ${over === 1 ? 'metric is' : 'metrics are'} over the limit of series,
    <b class="near">${near}</b> ${near === 1 ? 'is' : 'are'} near it.`;
}

function mixedSummaryOf(metrics: readonly MetricReport[]): Html {
  const over = metrics.filter(({ state }) => state === 'over').length;
  return html`<b class="over">${over}</b> of metrics and attributes over the limit,
    <b class="near">${metrics.length - over}</b> near it.`;
}

/** What a limiter looks at, when there is nothing to say of it; what the rest of it is called. */
const LIMITED: Readonly<Record<ProcessorReport['of'], readonly [all: string, further: string]>> = {
  metrics: ['All metrics have room.', 'metrics'],
  spans: ['All attributes of spans that are limited have room.', 'attributes'],
  logs: ['All attributes of logs that are limited have room.', 'attributes'],
};

function processorSection({ processor, pipeline, of, window, metrics, unexplained }: ProcessorReport): Html {
  const [calm, further] = LIMITED[of];
  return html`<section>
    <h2>
      <bdi>${processor}</bdi> <small>in pipeline <bdi>${pipeline}</bdi>, window ${window}</small>
    </h2>
    ${metrics.length === 0 ? html`<p class="calm">${calm}</p>` : metrics.map(metricArticle)}
    ${unexplained > 0 ? html`<p class="more">${amount(unexplained)} further ${further} are over or near their limit; raise <code>explain.metrics</code> to see them.</p>` : ''}
  </section>`;
}

function metricArticle(report: MetricReport): Html {
  const { metric, state, explanation, fixes } = report;
  return html`<article class="${state}">
    <h3><bdi>${metric}</bdi> <span class="state">${state === 'over' ? 'over its limit' : 'near its limit'}</span></h3>
    <p class="explanation">${explanation}</p>
    ${factsOf(report)} ${labelTable(report)} ${fixes.length === 0 ? '' : html`<h4>What would help</h4>`}
    ${fixes.map(
      ({ advice, yaml }) =>
        html`<p>${advice}</p>
          <pre><code>${yaml}</code></pre>`,
    )}
  </article>`;
}

function factsOf({ service, tenant, since, series, limit, seen, unit }: MetricReport): Html {
  const what = unit === 'series' ? 'Series' : 'Values';
  return html`<dl>
    <div>
      <dt>${what} kept</dt>
      <dd>${grouped(series)} of ${grouped(limit)} ${fillOf(series, limit)}</dd>
    </div>
    <div>
      <dt>${what} seen</dt>
      <dd>${amount(seen)}</dd>
    </div>
    <div>
      <dt>Since</dt>
      <dd><time datetime="${since}">${since.replace('T', ' ').slice(0, 19)}</time></dd>
    </div>
    ${
      service === ''
        ? ''
        : html`<div>
            <dt>Service</dt>
            <dd><bdi>${service}</bdi></dd>
          </div>`
    }
    ${
      tenant === ''
        ? ''
        : html`<div>
            <dt>Tenant</dt>
            <dd><bdi>${tenant}</bdi></dd>
          </div>`
    }
  </dl>`;
}

/** Green, yellow or red, as the browser has it. */
function fillOf(series: number, limit: number): Html {
  return html`<meter
    min="0"
    low="${limit / 2}"
    high="${limit - 1}"
    optimum="0"
    max="${limit}"
    value="${Math.min(series, limit)}"
  ></meter>`;
}

/** Red for what is to blame. */
function meterOf(values: number, most: number, isDriver: boolean): Html {
  const range = isDriver ? html`low="0" high="0" optimum="0"` : html``;
  return html`<meter min="0" ${range} max="${most}" value="${values}"></meter>`;
}

function labelTable({ labels, drivers, unit }: MetricReport): Html {
  if (labels.length === 0) return html``;
  // Of values there is one label, whose name is above.
  if (unit === 'values') return samplesOf(labels);
  const blamed = new Set(drivers.flatMap((driver) => driver.labels));
  const most = Math.max(...labels.map(({ values }) => values));
  const rows = labels.map((label) => labelRow(label, most, blamed.has(personName(label))));
  const rest = rows.slice(LABELS_IN_SIGHT);
  return html`${table(rows.slice(0, LABELS_IN_SIGHT))}
  ${
    rest.length === 0
      ? ''
      : html`<details>
          <summary>${rest.length} further labels</summary>
          ${table(rest)}
        </details>`
  }`;
}

function samplesOf(labels: readonly LabelReport[]): Html {
  const samples = labels.flatMap((label) => label.samples);
  return samples.length === 0 ? html`` : html`<p>Such as ${samples.map(sampleCode)}</p>`;
}

function sampleCode(sample: string): Html {
  return html`<code><bdi>${sample === '' ? '(empty)' : sample}</bdi></code> `;
}

function table(rows: readonly Html[]): Html {
  return html`<div class="scroll">
    <table>
      <thead>
        <tr>
          <th scope="col">Label</th>
          <th scope="col" colspan="2">Different values</th>
          <th scope="col">Series without it</th>
          <th scope="col">Such as</th>
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}

function labelRow(label: LabelReport, most: number, isDriver: boolean): Html {
  const { values, seriesWithout, samples } = label;
  const from = label.from === 'resource' || label.from === 'scope' ? html` <small>${label.from}</small>` : '';
  return html`<tr class="${isDriver ? 'driver' : ''}">
    <th scope="row"><bdi>${label.label}</bdi>${from}</th>
    <td class="number">${amount(values)}</td>
    <td>${meterOf(values, most, isDriver)}</td>
    <td class="number">${amount(seriesWithout)}</td>
    <td>${samples.map(sampleCode)}</td>
  </tr>`;
}

/** As drivers are named in a report. */
function personName({ label, from }: LabelReport): string {
  return from === 'resource' ? `${label} of the resource` : from === 'scope' ? `${label} of the scope` : label;
}
