import type { Clock } from '../core/clock.ts';
import type { ComponentContext, Exporter, Host } from '../core/component.ts';
import { RemoraError } from '../core/errors.ts';
import { Ledger } from '../core/ledger.ts';
import type { DurableQueue, DurableQueueOptions } from '../core/queue.ts';
import type { Outside } from '../core/outside.ts';
import { seededRandom } from '../core/random.ts';
import { isStorageProvider, type StorageProvider } from '../core/storage.ts';
import { DecisionBook } from '../core/trace-decisions.ts';
import { isExporterWrapper, type ExporterWrapper } from '../core/wrapping.ts';
import type { Log } from '../telemetry/log.ts';
import { Registry } from '../telemetry/registry.ts';
import { AdminBook } from './admin-book.ts';
import { BypassSwitch } from './bypass-switch.ts';
import { meterLosses } from './edge-metrics.ts';
import type { HealthBook } from './health.ts';

export type ComponentKind = 'receiver' | 'processor' | 'exporter' | 'connector' | 'extension';

export interface RuntimeOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Seeds every random choice of this process, so that a fleet is spread and a replay repeats. */
  readonly instanceId: string;
  readonly health: HealthBook;
  /** Bypass mode lasts no longer. */
  readonly bypassMaxMs: number;
  readonly outside: Outside;
}

/** What all components of one service share. */
export class Runtime {
  readonly clock: Clock;
  readonly log: Log;
  readonly instanceId: string;
  readonly health: HealthBook;
  readonly registry = new Registry();
  readonly ledger = new Ledger(meterLosses(this.registry));
  readonly admin = new AdminBook();
  readonly decisions = new DecisionBook();
  readonly bypass: BypassSwitch;
  readonly outside: Outside;
  readonly #storages = new Map<string, StorageProvider>();
  readonly #wrappers = new Map<string, ExporterWrapper>();

  constructor(options: RuntimeOptions) {
    this.clock = options.clock;
    this.log = options.log;
    this.instanceId = options.instanceId;
    this.health = options.health;
    this.outside = options.outside;
    this.bypass = new BypassSwitch({
      clock: options.clock,
      log: options.log.logger(),
      maxMs: options.bypassMaxMs,
      onNotice: (text) => options.health.notice('bypass', text),
    });
  }

  host(extensionId: string): Host {
    return {
      health: () => this.health.read(),
      notice: (text) => this.health.notice(`extension ${extensionId}`, text),
      admin: this.admin,
    };
  }

  /** Extensions that offer storage are found here by the components that name them, those that wrap exporters by `wrap`. */
  offer(extensionId: string, extension: object): void {
    if (isStorageProvider(extension)) this.#storages.set(extensionId, extension);
    if (isExporterWrapper(extension)) this.#wrappers.set(extensionId, extension);
  }

  /** The exporter as the extensions that wrap exporters want it; itself when there are none. */
  wrap(id: string, exporter: Exporter): Exporter {
    let wrapped = exporter;
    for (const [by, wrapper] of this.#wrappers) {
      wrapped = wrapper.wrapExporter({
        id,
        exporter: wrapped,
        reportHealth: (signal, reason) => this.health.report(`exporter ${id}`, signal, reason, by),
      });
    }
    return wrapped;
  }

  context(kind: ComponentKind, id: string, place = ''): ComponentContext {
    const component = `${kind} ${id}`;
    return {
      id,
      clock: this.clock,
      random: seededRandom(`${this.instanceId}/${component}${place}`),
      log: this.log.logger({ component: `${component}${place}` }),
      meter: this.registry,
      instanceId: this.instanceId,
      admin: this.admin,
      storage: (extensionId, name) => this.#storage(extensionId).client(`${kind}_${id}`, name),
      reportHealth: (signal, reason) => this.health.report(component, signal, reason),
      outside: this.outside,
    };
  }

  /** The queue of an exporter for one signal, in the storage extension `extensionId`. */
  queue(extensionId: string, exporterId: string, options: DurableQueueOptions): DurableQueue {
    const queue = this.#storage(extensionId).queue?.(`exporter_${exporterId}`, options.signal, options);
    if (queue !== undefined) return queue;
    throw new RemoraError('config_invalid', `The storage extension "${extensionId}" keeps no queues.`);
  }

  #storage(extensionId: string): StorageProvider {
    const provider = this.#storages.get(extensionId);
    if (provider !== undefined) return provider;
    throw new RemoraError('config_invalid', `"${extensionId}" is not a storage extension in service.extensions.`);
  }
}
