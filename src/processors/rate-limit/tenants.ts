import { LRUCache } from 'lru-cache';
import type { Clock } from '../../core/clock.ts';
import type { Count } from '../../core/meter.ts';
import { RateLimit, type Rate } from '../../core/rate-limit.ts';
import type { RateLimitConfig } from './config.ts';

export interface Tenant {
  readonly limit: RateLimit;
  /** Items of this tenant that were pushed back or dropped. */
  readonly limited: Count;
}

export interface TenantsOptions {
  readonly clock: Clock;
  readonly config: RateLimitConfig;
  /** `tenant` is one of those in `overrides`, or `other`. */
  limitedCount(tenant: string): Count;
}

/**
 * The limit of each tenant, for a bounded number of them.
 * Invariants: those in `overrides` are always there; of the others at most `max_tenants`, the least recently seen of
 * whom makes room once its limit is as unused as that of somebody new, so that nobody gains by being forgotten.
 */
export class Tenants {
  /** Of all for whom there is no room. */
  readonly overflow: Tenant;
  readonly #options: TenantsOptions;
  readonly #named = new Map<string, Tenant>();
  readonly #others: LRUCache<string, Tenant>;
  readonly #limitedOthers: Count;

  constructor(options: TenantsOptions) {
    const { config } = options;
    this.#options = options;
    this.#limitedOthers = options.limitedCount('other');
    this.#others = new LRUCache({ max: config.max_tenants });
    for (const [name, override] of Object.entries(config.overrides)) {
      this.#named.set(name, this.#make(merged(config, override), options.limitedCount(name)));
    }
    this.overflow = this.#make(config, this.#limitedOthers);
  }

  of(name: string): Tenant {
    const known = this.#named.get(name) ?? this.#others.get(name);
    if (known !== undefined) return known;
    if (this.#others.size >= this.#options.config.max_tenants && !this.#forgetOne()) return this.overflow;
    const tenant = this.#make(this.#options.config, this.#limitedOthers);
    this.#others.set(name, tenant);
    return tenant;
  }

  #forgetOne(): boolean {
    const [oldest] = this.#others.rkeys();
    if (oldest === undefined || this.#others.peek(oldest)?.limit.isFull === false) return false;
    return this.#others.delete(oldest);
  }

  #make(rate: Rate, limited: Count): Tenant {
    const { clock, config } = this.#options;
    return { limit: new RateLimit(clock, rate, config.burst), limited };
  }
}

function merged(everybody: Rate, override: Rate): Rate {
  return {
    bytes_per_second: override.bytes_per_second ?? everybody.bytes_per_second,
    items_per_second: override.items_per_second ?? everybody.items_per_second,
  };
}
