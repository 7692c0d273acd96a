/**
 * prom-client, which formats metrics. Imported on first use, through this module, because a bundle gives the exports of a
 * CommonJS package only to static imports; and module by module, because the whole of it, with its default metrics and
 * the cluster module, takes 13 MB more.
 */
export { default as Counter } from 'prom-client/lib/counter.js';
export { default as Gauge } from 'prom-client/lib/gauge.js';
export { default as Histogram } from 'prom-client/lib/histogram.js';
export { default as Registry } from 'prom-client/lib/registry.js';
