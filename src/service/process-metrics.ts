import { memoryUsage, cpuUsage, uptime } from 'node:process';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import type { Meter, MetricSpec } from '../core/meter.ts';

function gauge(name: string, help: string): MetricSpec {
  return { name, help, kind: 'gauge', labels: [] };
}

function counter(name: string, help: string): MetricSpec {
  return { name, help, kind: 'counter', labels: [] };
}

const UPTIME = counter('otelcol_process_uptime', 'Seconds since the process started.');
const CPU = counter('otelcol_process_cpu_seconds', 'CPU seconds used, user and system.');
const RSS = gauge('otelcol_process_memory_rss', 'Resident memory in bytes.');
const HEAP = gauge('otelcol_process_runtime_heap_alloc_bytes', 'Bytes of objects on the V8 heap.');
const ALLOCATED = counter('otelcol_process_runtime_total_alloc_bytes', 'Bytes of objects ever put on the V8 heap.');
const SYSTEM = gauge('otelcol_process_runtime_total_sys_memory_bytes', 'Bytes of V8 heap plus memory outside of it.');
const EXTERNAL = gauge('remora_process_external_bytes', 'Bytes of buffers outside of the V8 heap.');
const LAG = gauge(
  'remora_process_event_loop_lag_seconds',
  'How late the event loop was, 99th percentile since the last read.',
);

export const processMetrics: readonly MetricSpec[] = [UPTIME, CPU, RSS, HEAP, ALLOCATED, SYSTEM, EXTERNAL, LAG];

/** Metrics of this process under the Collector's names. Returns what stops the event loop's observation. */
export function meterProcess(meter: Meter): () => void {
  const lag = monitorEventLoopDelay({ resolution: 20 });
  lag.enable();
  meter.counterFrom(UPTIME, {}, uptime);
  meter.counterFrom(CPU, {}, () => {
    const { user, system } = cpuUsage();
    return (user + system) / 1e6;
  });
  meter.gauge(RSS, {}, () => memoryUsage.rss());
  meter.gauge(HEAP, {}, () => memoryUsage().heapUsed);
  meter.counterFrom(ALLOCATED, {}, () => getHeapStatistics().total_allocated_bytes);
  meter.gauge(SYSTEM, {}, () => memoryUsage().heapTotal + memoryUsage().external);
  meter.gauge(EXTERNAL, {}, () => memoryUsage().external);
  meter.gauge(LAG, {}, () => {
    const seconds = lag.percentile(99) / 1e9;
    lag.reset();
    return Number.isFinite(seconds) ? seconds : 0;
  });
  return () => lag.disable();
}
