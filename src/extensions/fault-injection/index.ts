import { defineExtension, type Exporter, type Extension, type ExtensionContext } from '../../core/component.ts';
import type { MetricSpec } from '../../core/meter.ts';
import { seededRandom, type Random } from '../../core/random.ts';
import { SIGNALS, type Signal } from '../../core/signal.ts';
import type { ExporterWrapper, WrappedExporter } from '../../core/wrapping.ts';
import { faultInjectionConfig, nameOf, type FaultInjectionConfig } from './config.ts';
import { describeFault, Fault } from './fault.ts';
import { faultyExporter } from './faulty-exporter.ts';
import { faultsPage } from './page.ts';

const ACTIVE: MetricSpec = {
  name: 'remora_fault_injection_active',
  help: 'Whether the fault is on: 1, otherwise 0.',
  kind: 'gauge',
  labels: ['extension', 'fault', 'exporter'],
};
const INJECTED: MetricSpec = {
  name: 'remora_fault_injection_requests',
  help: 'Requests that a fault happened to, by kind: delay, hang, fail, corrupt or partial.',
  kind: 'counter',
  labels: ['extension', 'exporter', 'data_type', 'kind'],
};

/** Faults on purpose, for game days: see docs/game-days.md. */
export const faultInjectionExtension = defineExtension({
  type: 'fault_injection',
  summary: 'Ours: makes exporters fail, hang, slow down or send damaged data on purpose, for game days.',
  signals: [],
  config: faultInjectionConfig,
  metrics: [ACTIVE, INJECTED],
  resources: ({ faults }) =>
    faults.flatMap(({ exporters }, fault) =>
      exporters.map((id, index) => ({ kind: 'exporter' as const, id, path: ['faults', fault, 'exporters', index] })),
    ),
  create: (config, context) => new FaultInjection(config, context),
});

/** Invariant: the health of every wrapped exporter names the faults that are on for it, and no others. */
class FaultInjection implements Extension, ExporterWrapper {
  readonly #context: ExtensionContext;
  readonly #seed: string;
  readonly #faults: readonly Fault[];
  readonly #wrapped: WrappedExporter[] = [];

  constructor(config: FaultInjectionConfig, context: ExtensionContext) {
    this.#context = context;
    this.#seed = config.seed ?? `${context.instanceId}/${context.id}`;
    const stopAfterMs = config.stop_after === 0 ? Number.POSITIVE_INFINITY : config.stop_after;
    const onChange = (fault: Fault): void => this.#onChange(fault);
    this.#faults = config.faults.map(
      (fault, index) =>
        new Fault({ config: fault, name: nameOf(fault, index), stopAfterMs, clock: context.clock, onChange }),
    );
    for (const fault of this.#faults) this.#meter(fault);
    context.host.admin.add(faultsPage(context.id, this.#faults));
  }

  start(): Promise<void> {
    for (const fault of this.#faults) {
      this.#context.log.warn('Faults will be injected on purpose: fault_injection is configured.', fieldsOf(fault));
      if (fault.config.corrupt !== undefined) {
        this.#context.log.warn(
          'Requests will be DAMAGED before they are sent: what the upstream stores may be garbage.',
          {
            ...fieldsOf(fault),
          },
        );
      }
      fault.start();
    }
    return Promise.resolve();
  }

  stop(): Promise<void> {
    for (const fault of this.#faults) fault.stop();
    return Promise.resolve();
  }

  wrapExporter(wrapped: WrappedExporter): Exporter {
    const { id, exporter } = wrapped;
    const concerning = new Map(
      SIGNALS.map((signal) => [signal, this.#faults.filter((fault) => fault.concerns(id, signal))]),
    );
    if ([...concerning.values()].every((faults) => faults.length === 0)) return exporter;
    this.#wrapped.push(wrapped);
    const randoms = new Map<Signal, Random>();
    return faultyExporter({
      exporter,
      clock: this.#context.clock,
      faultsOf: (signal) => concerning.get(signal) ?? [],
      randomOf: (signal) => {
        const random = randoms.get(signal) ?? seededRandom(`${this.#seed}/${id}/${signal}`);
        randoms.set(signal, random);
        return random;
      },
      count: (signal, kind) => {
        const { id: extension, meter } = this.#context;
        meter.counter(INJECTED, { extension, exporter: id, data_type: signal, kind }).value += 1;
      },
    });
  }

  #meter(fault: Fault): void {
    const { id: extension, meter } = this.#context;
    for (const exporter of fault.config.exporters) {
      meter.gauge(ACTIVE, { extension, fault: fault.name, exporter }, () => (fault.active ? 1 : 0));
    }
  }

  #onChange(fault: Fault): void {
    const { log } = this.#context;
    if (fault.active) log.warn('A fault is on: requests fail on purpose.', fieldsOf(fault));
    else log.warn('A fault is over.', fieldsOf(fault));
    for (const wrapped of this.#wrapped) {
      for (const signal of SIGNALS) wrapped.reportHealth(signal, this.#reason(wrapped.id, signal));
    }
  }

  #reason(exporter: string, signal: Signal): string | undefined {
    const on = this.#faults.filter((fault) => fault.active && fault.concerns(exporter, signal));
    if (on.length === 0) return undefined;
    const faults = on.map(({ name, config }) => `${name} (${describeFault(config)})`);
    return `fault injection is active: ${faults.join('; ')}`;
  }
}

function fieldsOf({ name, config }: Fault) {
  return { fault: name, exporters: config.exporters.join(', '), does: describeFault(config) };
}
