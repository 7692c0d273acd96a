import type { z } from 'zod';
import type { AdminPages } from './admin.ts';
import type { Batch } from './batch.ts';
import type { Clock } from './clock.ts';
import type { Account } from './ledger.ts';
import type { Logger } from './logger.ts';
import type { MemoryClaim } from './memory-claim.ts';
import type { Meter, MetricSpec } from './meter.ts';
import type { Outside } from './outside.ts';
import type { Pending } from './pending.ts';
import { parseParts } from './parsed-parts.ts';
import type { Random } from './random.ts';
import { resolveSending, type SendingInput, type SendingSettings } from './sending.ts';
import { SIGNALS, type Signal } from './signal.ts';
import type { StorageClient } from './storage.ts';
import type { DecisionDirectory } from './trace-decisions.ts';
import type { Verdict } from './verdict.ts';

/** What can take a batch. Awaiting `consume` IS the backpressure: it settles when custody is decided. */
export interface Consumer {
  /** Never rejects on bad data or a full queue: those are verdicts. When `abort` fires it settles soon with `retry`. */
  consume(batch: Batch, abort: AbortSignal): Promise<Verdict>;
  /** Set promise of room, for consumers that end in a queue; lets fan-out be all or nothing. Never waits. */
  tryReserve?(batch: Batch): Reservation;
}

export type Reservation =
  | {
      readonly status: 'reserved';
      /**
       * False when nothing of the batch will be held, because it is dropped or only looked at: nobody holds its bytes then,
       * or gives them back.
       */
      readonly keeps?: boolean | undefined;
      /** Throws or rejects only on a bug. */
      commit(abort: AbortSignal): Pending<Verdict>;
      cancel(): void;
    }
  /** No room now. `room` resolves when asking again may help; absent when the destination pushes back at once. */
  | { readonly status: 'retry'; readonly verdict: Verdict; readonly room?: (abort: AbortSignal) => Promise<void> }
  | { readonly status: 'rejected'; readonly verdict: Verdict };

export interface Component {
  start?(): Promise<void>;
  /**
   * The service is about to stop. What still comes is taken, but nothing waits for more: what gathers goes on at once, and
   * what fetches by itself does so once more and then no longer. Does not wait, never throws, safe before start; `stop`
   * follows. Receivers hear it when the service lingers, processors when the receivers are about to stop.
   */
  drain?(): void;
  /** Idempotent, safe before start. Flushes what it holds until `deadline` fires; settles soon after that. */
  stop?(deadline: AbortSignal): Promise<void>;
}

export type Receiver = Component;
export type Processor = Component & Consumer;
/**
 * Stands at the end of pipelines and at the start of others. Who only observes takes every batch at once, keeps none of its
 * bytes and reserves, so that it never holds up what goes to exporters beside it.
 */
export type Connector = Component & Consumer;
export type Extension = Component;

/** Makes ONE attempt to send. The host queues, batches, times out and retries. `batch` never exceeds max_size. */
export interface Exporter extends Component {
  send(batch: Batch, abort: AbortSignal): Promise<Verdict>;
}

/** What every component is given. Clock and randomness come from here and nowhere else. */
export interface ComponentContext {
  /** `type` or `type/name` as the configuration writes it. */
  readonly id: string;
  readonly clock: Clock;
  /** Seeded by instance and component id. */
  readonly random: Random;
  readonly log: Logger;
  readonly meter: Meter;
  /** service.instance.id of this process: for spreading a fleet. */
  readonly instanceId: string;
  /** A private place in the storage extension `extensionId`; `name` tells several apart. */
  storage(extensionId: string, name: string): StorageClient;
  /** For pages by which operators look into it. Several instances of a component may share one: see `AdminPages.list`. */
  readonly admin: AdminPages;
  /** Health of this component by signal; `undefined` reason means well. Shown by health_check. */
  reportHealth(signal: Signal | 'all', reason: string | undefined): void;
  /** Files and sockets. */
  readonly outside: Outside;
}

export interface ReceiverContext extends ComponentContext {
  /** Where each signal goes; a signal that no pipeline takes from this receiver is absent. */
  readonly next: Readonly<Partial<Record<Signal, Consumer>>>;
  /** The same, counted under the `transport` label of the Collector's receiver metrics (`grpc`, `http`). */
  readonly via?: (transport: string) => Readonly<Partial<Record<Signal, Consumer>>>;
  /** Counts items refused before any consumer saw them, for example an unreadable body (items 0) or a bad item. */
  readonly admission: Admission;
  /**
   * Asked from the headers of a request that announces `bytes`, before its body is read: why nothing of `signal` can be
   * taken now; undefined to go on. A yes is no promise. Absent: never refused.
   */
  readonly refusal?: (signal: Signal, bytes: number) => Refused | undefined;
  /**
   * How long the next request waits on a connection whose request was refused, so that those who come back sooner than
   * they were told to do not take the time of the others. 0 or absent: not at all.
   */
  readonly restMs?: () => number;
  /** Room for what has come of requests that wait so. */
  readonly resting?: Admission;
}

/** Why new data is refused before anybody looks at it, and when to come back. */
export interface Refused {
  readonly reason: RefusalReason;
  readonly message: string;
  readonly afterMs: number;
}

/**
 * - memory: resident memory is above its soft limit.
 * - event_loop: the process has more to do than it gets done.
 * - queue: a sending queue that the data would go to is full.
 */
export type RefusalReason = 'memory' | 'event_loop' | 'queue';

/** The process-wide budget of bytes being received. `tryAdmit` before a body is read; release exactly once. */
export interface Admission {
  readonly limitBytes: number;
  readonly usedBytes: number;
  /** The largest body that could ever be admitted. */
  readonly largestBytes: number;
  /** Admitted and not released. */
  readonly requests: number;
  /** Of them those that were not handed over, and what their bodies take: they will want room in queues. */
  readonly coming: { readonly requests: number; readonly bytes: number };
  /**
   * Undefined when there is no room now, or none for `by`, the connection, which has its fair share. Never waits. Takes
   * what a request costs besides its bytes, too.
   */
  tryAdmit(bytes: number, by?: object): Admitted | undefined;
}

export interface Admitted {
  /** Grows or shrinks what is held; false leaves it as it was. */
  tryResize(bytes: number): boolean;
  /**
   * What was received is offered to the pipelines, and asks for its room there itself. It is held until `release`,
   * because its bytes live on. Idempotent.
   */
  handOver(): void;
  /** Idempotent. */
  release(): void;
}

export interface ProcessorContext extends ComponentContext {
  readonly signal: Signal;
  /** Id of the pipeline that this instance is in, for labels: a processor has an instance in each. */
  readonly pipeline: string;
  readonly next: Consumer;
  /** Where drops, refusals for good and held items are booked. */
  readonly account: Account;
  /** What samplers of this service did with traces. */
  readonly decisions: DecisionDirectory;
}

export interface ConnectorContext extends ComponentContext {
  /** What it takes: a connector has an instance for each signal that pipelines give to it. */
  readonly signal: Signal;
  /** Where what it makes goes, booked as of a receiver; a signal that no pipeline takes from it is absent. */
  readonly next: Readonly<Partial<Record<Signal, Consumer>>>;
  /** Of what it takes: what it accepted has passed already. */
  readonly account: Account;
  /** Of what it makes, for what it lets go before anybody took it: received, and dropped. */
  readonly made: Readonly<Partial<Record<Signal, Account>>>;
}

export type ExporterContext = ComponentContext;

export interface ExtensionContext extends ComponentContext {
  readonly host: Host;
}

/** What an extension may see of the running service, and add to it. */
export interface Host {
  health(): HealthReport;
  /** What an operator should know about the process, shown with its health without making it unwell; undefined takes it back. */
  notice(text: string | undefined): void;
  readonly admin: AdminPages;
}

export interface HealthReport {
  readonly phase: 'starting' | 'running' | 'stopping' | 'stopped';
  /** What is unusual without being unwell, such as bypass mode. */
  readonly notices: readonly string[];
  readonly pipelines: readonly {
    readonly id: string;
    readonly healthy: boolean;
    readonly reasons: readonly string[];
  }[];
}

/** A thing of the outside world that a component will take, for checks before anything starts. */
export type Resource =
  | { readonly kind: 'listen'; readonly endpoint: string; readonly path: readonly (string | number)[] }
  | {
      readonly kind: 'directory';
      readonly directory: string;
      /** Whether the component makes it when it is missing. */
      readonly creates: boolean;
      readonly path: readonly (string | number)[];
    }
  | { readonly kind: 'extension'; readonly id: string; readonly path: readonly (string | number)[] }
  | { readonly kind: 'exporter'; readonly id: string; readonly path: readonly (string | number)[] }
  /** A processor that decides about traces, in a pipeline of traces. */
  | { readonly kind: 'trace sampler'; readonly id: string; readonly path: readonly (string | number)[] };

/**
 * What a component does to the metadata of batches: a receiver may carry it, a processor may need it, or drop it because
 * it joins batches. Absent: it leaves what there is.
 */
export type MetadataUse = 'carries' | 'needs' | 'drops';

/** A configuration that passed its schema, with everything that needs its type closed over. */
export interface Prepared<Context, Instance> {
  /** After defaults; for print-config. Secrets are `Secret` values. */
  readonly config: unknown;
  readonly resources: readonly Resource[];
  /** Of one instance: a processor has one in each pipeline. Absent: nothing that counts. */
  readonly memory?: readonly MemoryClaim[];
  /** Exporters only; every default is resolved. */
  readonly sending?: SendingSettings;
  readonly metadata?: MetadataUse;
  /** Opens nothing, starts no timer. Heavy libraries are imported here or in `start`, not at the top of the module. */
  create(context: Context): Instance | Promise<Instance>;
}

export type Parsed<Context, Instance> =
  | { readonly ok: true; readonly prepared: Prepared<Context, Instance> }
  | { readonly ok: false; readonly issues: readonly z.core.$ZodIssue[] };

export interface Definition<Kind extends string, Context, Instance> {
  readonly kind: Kind;
  readonly type: string;
  /** Other names the Collector knows it by, for example `otlp_grpc` for `otlp`. */
  readonly aliases: readonly string[];
  readonly summary: string;
  readonly signals: readonly Signal[];
  /** Made on first use. */
  readonly schema: z.ZodType;
  readonly metrics: readonly MetricSpec[];
  /** See DefinitionInput; `keep` for everything that is not a processor. */
  readonly bypass: OnBypass;
  /** An extension in which others can keep data: its instance is a `StorageProvider`. */
  readonly stores: boolean;
  /** A processor that in pipelines of traces offers its decisions to what belongs to the same traces. */
  readonly decidesTraces: boolean;
  /** See DefinitionInput. */
  readonly signalKeys: SignalKeys;
  /** Empty for everything that is not a connector. */
  readonly makes: Makes;
  /** `raw` is what stands under the id in YAML: an object, or null for all defaults. */
  parse(raw: unknown): Parsed<Context, Instance>;
}

export type ReceiverDefinition = Definition<'receiver', ReceiverContext, Receiver>;
export type ProcessorDefinition = Definition<'processor', ProcessorContext, Processor>;
export type ExporterDefinition = Definition<'exporter', ExporterContext, Exporter>;
export type ExtensionDefinition = Definition<'extension', ExtensionContext, Extension>;
export type ConnectorDefinition = Definition<'connector', ConnectorContext, Connector>;

/** What a connector makes of each signal that it takes. */
export type Makes = Readonly<Partial<Record<Signal, readonly Signal[]>>>;

/** Keys of settings that are for pipelines of one signal. */
export type SignalKeys = Readonly<Partial<Record<Signal, string>>>;

export type AnyDefinition =
  ReceiverDefinition | ProcessorDefinition | ExporterDefinition | ConnectorDefinition | ExtensionDefinition;

/**
 * What bypass mode does with a processor. `skip`: it thins or limits data, and data is right without it, so batches go
 * around it. `keep`: it is needed, because it changes what data says or protects the process.
 */
export type OnBypass = 'skip' | 'keep';

/**
 * What the author of a component writes. `config` makes a `z.strictObject` whose every field carries `.describe()`. It is
 * a function, and so are the schemas it is made of, because a schema costs start-up time and memory, and most
 * configurations use few of the components that there are: it is called on first use, once.
 */
export interface DefinitionInput<S extends z.ZodType, Context, Instance> {
  readonly type: string;
  readonly aliases?: readonly string[];
  readonly summary: string;
  readonly signals: readonly Signal[];
  readonly config: () => S;
  readonly metrics?: readonly MetricSpec[];
  /** Processors only; `keep` when absent. What a skipped processor still holds leaves it as it always would. */
  readonly bypass?: OnBypass;
  /** Extensions only: its instance is a `StorageProvider`. */
  readonly stores?: boolean;
  /** Processors only: for traces, `create` calls `context.decisions.offer`. */
  readonly decidesTraces?: boolean;
  /** Processors only: a key at the top of its settings that must be set where it stands in a pipeline of the signal. */
  readonly signalKeys?: SignalKeys;
  /** Connectors only: see `defineConnector`. */
  readonly makes?: Makes;
  resources?(config: z.output<S>): readonly Resource[];
  memory?(config: z.output<S>): readonly MemoryClaim[];
  sending?(config: z.output<S>): SendingInput;
  metadata?(config: z.output<S>): MetadataUse | undefined;
  create(config: z.output<S>, context: Context): Instance | Promise<Instance>;
}

export function defineReceiver<S extends z.ZodType>(
  input: DefinitionInput<S, ReceiverContext, Receiver>,
): ReceiverDefinition {
  return define('receiver', input);
}

export function defineProcessor<S extends z.ZodType>(
  input: DefinitionInput<S, ProcessorContext, Processor>,
): ProcessorDefinition {
  return define('processor', input);
}

export function defineExporter<S extends z.ZodType>(
  input: DefinitionInput<S, ExporterContext, Exporter> & { sending(config: z.output<S>): SendingInput },
): ExporterDefinition {
  return define('exporter', input);
}

/** Its `signals` are those that it takes: the keys of `makes`. */
export function defineConnector<S extends z.ZodType>(
  input: Omit<DefinitionInput<S, ConnectorContext, Connector>, 'signals'> & { readonly makes: Makes },
): ConnectorDefinition {
  return define('connector', { ...input, signals: SIGNALS.filter((signal) => input.makes[signal] !== undefined) });
}

export function defineExtension<S extends z.ZodType>(
  input: DefinitionInput<S, ExtensionContext, Extension>,
): ExtensionDefinition {
  return define('extension', input);
}

function define<Kind extends string, S extends z.ZodType, Context, Instance>(
  kind: Kind,
  input: DefinitionInput<S, Context, Instance>,
): Definition<Kind, Context, Instance> {
  let made: S | undefined;
  const schema = (): S => (made ??= input.config());
  return {
    kind,
    type: input.type,
    aliases: input.aliases ?? [],
    summary: input.summary,
    signals: input.signals,
    get schema() {
      return schema();
    },
    metrics: input.metrics ?? [],
    bypass: input.bypass ?? 'keep',
    stores: input.stores ?? false,
    decidesTraces: input.decidesTraces ?? false,
    signalKeys: input.signalKeys ?? {},
    makes: input.makes ?? {},
    parse(raw) {
      const result = parseParts(schema(), raw ?? {});
      if (!result.success) return { ok: false, issues: result.error.issues };
      return { ok: true, prepared: prepare(input, result.data) };
    },
  };
}

function prepare<S extends z.ZodType, Context, Instance>(
  input: DefinitionInput<S, Context, Instance>,
  config: z.output<S>,
): Prepared<Context, Instance> {
  const fields = input.sending?.(config);
  const sending = fields === undefined ? undefined : resolveSending(fields);
  const metadata = input.metadata?.(config);
  return {
    config,
    resources: [...(input.resources?.(config) ?? []), ...storageOf(sending)],
    memory: input.memory?.(config) ?? [],
    ...(sending === undefined ? {} : { sending }),
    ...(metadata === undefined ? {} : { metadata }),
    create: (context) => input.create(config, context),
  };
}

/** The extension that an exporter's queue is kept in. */
function storageOf(sending: SendingSettings | undefined): readonly Resource[] {
  const { enabled = false, storage } = sending?.sending_queue ?? {};
  if (!enabled || storage === undefined) return [];
  return [{ kind: 'extension', id: storage, path: ['sending_queue', 'storage'] }];
}
