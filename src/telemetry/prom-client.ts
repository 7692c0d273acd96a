/** prom-client, which formats metrics. Imported on first use, through this module, because a bundle gives the named exports of a CommonJS package only to static imports. */
export { Counter, Gauge, Histogram, Registry } from 'prom-client';
