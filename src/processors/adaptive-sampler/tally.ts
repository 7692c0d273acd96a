/**
 * What of one batch belongs to which flow. Kept with the batch until it is known whether it was accepted: nothing of a
 * batch that is offered again counts twice.
 */
export class Tally {
  /** Distinct flows, in the order in which they were first seen. */
  readonly flows: number[] = [];
  readonly amounts: number[] = [];
  /** Items of each flow, and of them those kept. */
  readonly items: number[] = [];
  readonly kept: number[] = [];
  /** Flows that were found to burst, with their rate and what of them there is in this batch. */
  readonly bursts: { readonly flow: number; readonly rate: number; readonly coming: number }[] = [];
  /** What is kept by expectation, as an amount; and what was kept. */
  spent = 0;
  /** Of it, that of errors and of what was slow. */
  spentFirst = 0;
  keptAmount = 0;
}

/** Adds up a batch: a place in the tally for each flow, found without looking. */
export class TallyKeeper {
  /** By flow: its place in the tally plus one, 0 when it is not in it. */
  readonly #places: Int32Array;
  #tally = new Tally();

  constructor(flows: number) {
    this.#places = new Int32Array(flows);
  }

  begin(): Tally {
    for (const flow of this.#tally.flows) this.#places[flow] = 0;
    this.#tally = new Tally();
    return this.#tally;
  }

  /** True when it is the first of its flow. */
  add(flow: number, amount: number): boolean {
    const isFirst = this.#places[flow] === 0;
    const place = this.#placeOf(flow);
    this.#tally.amounts[place] = (this.#tally.amounts[place] ?? 0) + amount;
    this.#tally.items[place] = (this.#tally.items[place] ?? 0) + 1;
    return isFirst;
  }

  /** One item of a flow that was added is kept. */
  keep(flow: number, amount: number): void {
    const place = this.#placeOf(flow);
    this.#tally.keptAmount += amount;
    this.#tally.kept[place] = (this.#tally.kept[place] ?? 0) + 1;
  }

  /** What of `flow` there is. */
  amountOf(flow: number): number {
    const place = this.#places[flow] ?? 0;
    return place === 0 ? 0 : (this.#tally.amounts[place - 1] ?? 0);
  }

  #placeOf(flow: number): number {
    const known = this.#places[flow] ?? 0;
    if (known > 0) return known - 1;
    const place = this.#tally.flows.push(flow) - 1;
    this.#places[flow] = place + 1;
    this.#tally.amounts.push(0);
    this.#tally.items.push(0);
    this.#tally.kept.push(0);
    return place;
  }
}
