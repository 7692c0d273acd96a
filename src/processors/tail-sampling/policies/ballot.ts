/**
 * How the policies of a sampler say together what becomes of a trace. Each is asked in turn, those that drop first:
 *
 *   one that drops does              ► dropped, and nobody else is asked
 *   an inverted one refuses          ► not sampled
 *   any samples                      ► sampled by the first of them
 *   an inverted one samples, and no
 *   other refuses                    ► sampled by the first inverted one
 *   none of these                    ► not sampled
 *
 * Source: README of the Collector's tailsamplingprocessor, "Policy Decision Flow".
 */
export type Role = 'sample' | 'drop' | 'invert';

export interface Voter {
  readonly policy: string;
  readonly role: Role;
}

export interface Ballot {
  /** Who decided; undefined when nobody did. */
  readonly decider: Voter | undefined;
  /** Undefined when it hangs on a vote that is not known. */
  readonly isSampled: boolean | undefined;
}

/** One count of votes; reused. A vote that is not known is undefined. */
export class VoteCount implements Ballot {
  readonly #firstMatch: boolean;
  #dropped: Voter | undefined;
  #sampled: Voter | undefined;
  #inverted: Voter | undefined;
  #isRefused = false;
  /** An inverted one refused, which counts, or which counts unless one before it samples. */
  #veto: 'none' | 'sure' | 'open' = 'none';
  #mayDrop = false;
  #maySample = false;

  /** `firstMatch`: the first that samples ends it. */
  constructor(firstMatch: boolean) {
    this.#firstMatch = firstMatch;
  }

  start(): void {
    this.#dropped = undefined;
    this.#sampled = undefined;
    this.#inverted = undefined;
    this.#isRefused = false;
    this.#veto = 'none';
    this.#mayDrop = false;
    this.#maySample = false;
  }

  /** Whether it drops or samples the trace, as its role says. True when nobody else is to be asked. */
  add(voter: Voter, vote: boolean | undefined): boolean {
    switch (voter.role) {
      case 'drop':
        return this.#drop(voter, vote);
      case 'sample':
        return this.#sample(voter, vote);
      case 'invert':
        if (vote === true) this.#inverted ??= voter;
        else if (this.#veto === 'none') this.#veto = this.#firstMatch && this.#maySample ? 'open' : 'sure';
        return false;
    }
  }

  #drop(voter: Voter, vote: boolean | undefined): boolean {
    if (vote === true) this.#dropped = voter;
    else if (vote === undefined) this.#mayDrop = true;
    else this.#isRefused = true;
    return vote === true;
  }

  #sample(voter: Voter, vote: boolean | undefined): boolean {
    if (vote === true) this.#sampled ??= voter;
    else if (vote === undefined) this.#maySample = true;
    else this.#isRefused = true;
    return vote === true && this.#firstMatch;
  }

  get isDropped(): boolean {
    return this.#dropped !== undefined;
  }

  get isSampled(): boolean | undefined {
    if (this.isDropped || this.#veto === 'sure') return false;
    if (this.#veto === 'open') return undefined;
    if (this.#sampled !== undefined) return this.#mayDrop ? undefined : true;
    if (this.#maySample) return undefined;
    return this.#inverted !== undefined && !this.#isRefused && !this.#mayDrop;
  }

  get decider(): Voter | undefined {
    return this.#dropped ?? (this.isSampled === true ? (this.#sampled ?? this.#inverted) : undefined);
  }
}
