import { constants, type ServerHttp2Session } from 'node:http2';
import type { Clock, Timer } from '../../core/clock.ts';
import type { Random } from '../../core/random.ts';
import { jittered } from '../../core/random.ts';

export interface SessionOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** A connection that does not speak HTTP/2 within this time is closed; 0 is no limit. */
  readonly connectionTimeoutMs: number;
  /** A client that is silent this long is pinged, and dropped when it does not answer within pingTimeoutMs. */
  readonly pingAfterMs: number;
  readonly pingTimeoutMs: number;
  /** Undefined is for ever. */
  readonly maxIdleMs: number | undefined;
  readonly maxAgeMs: number | undefined;
  readonly maxAgeGraceMs: number | undefined;
  /** Clients that ping more often than this are sent away. */
  readonly minPingMs: number;
  readonly pingWithoutCalls: boolean;
}

/** Of the connection, and of each call: 64 KiB, the default of HTTP/2, is what makes plain servers slow. */
const SESSION_WINDOW_BYTES = 8 * 1024 * 1024;
export const STREAM_WINDOW_BYTES = 1024 * 1024;
const MAX_PING_STRIKES = 2;
const AGE_JITTER = 0.1;
const TOO_MANY_PINGS = Buffer.from('too_many_pings');

/**
 * One connection: its windows, its age, its silence. Owns every timer of the connection; none is left after `close`.
 */
export class ServerSession {
  readonly #session: ServerHttp2Session;
  readonly #options: SessionOptions;
  #calls = 0;
  #greeting: Timer | undefined;
  #idle: Timer | undefined;
  #age: Timer | undefined;
  #ping: Timer | undefined;
  #lastHeardMs: number;
  #lastPingMs = Number.NEGATIVE_INFINITY;
  #pingStrikes = 0;

  constructor(session: ServerHttp2Session, options: SessionOptions) {
    this.#session = session;
    this.#options = options;
    this.#lastHeardMs = options.clock.monotonic();
  }

  begin(): void {
    const session = this.#session;
    const { clock, random, connectionTimeoutMs, pingAfterMs, maxAgeMs } = this.#options;
    session.setLocalWindowSize(SESSION_WINDOW_BYTES);
    // What goes wrong on a connection ends in its close, which is what counts.
    session.on('error', ignore);
    session.once('close', () => this.#stopTimers());
    session.on('ping', () => this.#pinged());
    if (connectionTimeoutMs > 0) this.#greeting = clock.timer(connectionTimeoutMs, () => session.destroy());
    session.once('remoteSettings', () => this.#greeting?.cancel());
    this.#startIdle();
    this.#ping = clock.timer(pingAfterMs, () => this.#checkAlive());
    if (maxAgeMs !== undefined) {
      this.#age = clock.timer(jittered(maxAgeMs, AGE_JITTER, random), () => this.#retire());
    }
  }

  callBegan(): void {
    this.#calls += 1;
    this.#lastHeardMs = this.#options.clock.monotonic();
    this.#pingStrikes = 0;
    this.#idle?.cancel();
  }

  callEnded(): void {
    this.#calls -= 1;
    if (this.#calls === 0) this.#startIdle();
  }

  /** GOAWAY: calls under way go on, new ones go elsewhere. */
  retire(): void {
    if (!this.#session.closed) this.#session.close();
  }

  destroy(): void {
    this.#session.destroy();
  }

  #startIdle(): void {
    const { clock, maxIdleMs } = this.#options;
    if (maxIdleMs !== undefined) this.#idle = clock.timer(maxIdleMs, () => this.retire());
  }

  #retire(): void {
    this.retire();
    const { clock, maxAgeGraceMs } = this.#options;
    if (maxAgeGraceMs !== undefined) this.#age = clock.timer(maxAgeGraceMs, () => this.destroy());
  }

  #checkAlive(): void {
    const { clock, pingAfterMs, pingTimeoutMs } = this.#options;
    const silentMs = clock.monotonic() - this.#lastHeardMs;
    if (silentMs < pingAfterMs) {
      this.#ping = clock.timer(pingAfterMs - silentMs, () => this.#checkAlive());
      return;
    }
    this.#ping = clock.timer(pingTimeoutMs, () => this.destroy());
    this.#session.ping((error) => {
      if (error !== null) return;
      this.#ping?.cancel();
      this.#lastHeardMs = clock.monotonic();
      if (!this.#session.destroyed) this.#ping = clock.timer(pingAfterMs, () => this.#checkAlive());
    });
  }

  #pinged(): void {
    const { clock, minPingMs, pingWithoutCalls } = this.#options;
    const nowMs = clock.monotonic();
    const tooSoon = nowMs - this.#lastPingMs < minPingMs;
    this.#lastPingMs = nowMs;
    this.#lastHeardMs = nowMs;
    if (!tooSoon && (pingWithoutCalls || this.#calls > 0)) return;
    this.#pingStrikes += 1;
    if (this.#pingStrikes <= MAX_PING_STRIKES) return;
    this.#session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, TOO_MANY_PINGS);
    this.#session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  #stopTimers(): void {
    this.#greeting?.cancel();
    this.#idle?.cancel();
    this.#age?.cancel();
    this.#ping?.cancel();
  }
}

function ignore(): void {
  // See begin().
}
