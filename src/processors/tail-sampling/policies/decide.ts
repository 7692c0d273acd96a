import type { Policies, PolicyDecision, PolicyTally, SpanCondition, TraceSummary } from '../policy.ts';
import { VoteCount, type Voter } from './ballot.ts';
import type { Dice } from './chance.ts';
import type { Judge } from './judge.ts';

export interface Seat extends Voter {
  readonly judge: Judge;
}

interface Rules {
  readonly conditions: readonly SpanCondition[];
  readonly dice: Dice;
  /** The first that samples ends it. */
  readonly firstMatch: boolean;
}

type Outcome = PolicyDecision['outcome'];
type Counts = Record<Outcome, number>;

interface Member extends Seat {
  readonly tally: { readonly policy: string; readonly traces: Counts; readonly spans: Counts };
}

/** All policies of a sampler. Decides a trace, and then how many like it the one that is kept stands for. */
export class PolicyBoard implements Policies {
  readonly conditions: readonly SpanCondition[];
  readonly tallies: readonly PolicyTally[];
  readonly #dice: Dice;
  /** In the order in which they are asked: those that drop come first. */
  readonly #members: readonly Member[];
  readonly #votes: VoteCount;
  readonly #foreseen: VoteCount;

  constructor(seats: readonly Seat[], { conditions, dice, firstMatch }: Rules) {
    const members = seats.map((seat) => ({ ...seat, tally: makeTally(seat.policy) }));
    this.conditions = conditions;
    this.tallies = members.map(({ tally }) => tally);
    this.#dice = dice;
    this.#members = members.toSorted((a, b) => Number(b.role === 'drop') - Number(a.role === 'drop'));
    this.#votes = new VoteCount(firstMatch);
    this.#foreseen = new VoteCount(firstMatch);
  }

  decide(trace: TraceSummary, nowMs: number): PolicyDecision {
    const votes = this.#votes;
    votes.start();
    for (const member of this.#members) {
      const vote = member.judge.samples(trace, nowMs);
      book(member, vote, trace.spans);
      if (votes.add(member, vote)) break;
    }
    const policy = votes.decider?.policy ?? '';
    if (votes.isDropped) return { ...NOT_KEPT, outcome: 'dropped', policy };
    if (votes.isSampled !== true) return NOT_KEPT;
    const { threshold, probability } = this.#dice.chanceOf(() => this.#foresee(trace));
    return { outcome: 'sampled', policy, threshold, probability };
  }

  #foresee(trace: TraceSummary): boolean | undefined {
    const votes = this.#foreseen;
    votes.start();
    for (const member of this.#members) if (votes.add(member, member.judge.foresees(trace))) break;
    return votes.isSampled;
  }
}

const NOT_KEPT: PolicyDecision = {
  outcome: 'not_sampled',
  policy: '',
  threshold: undefined,
  probability: undefined,
};

function makeTally(policy: string): Member['tally'] {
  const counts = (): Counts => ({ sampled: 0, not_sampled: 0, dropped: 0 });
  return { policy, traces: counts(), spans: counts() };
}

function book({ role, tally }: Member, vote: boolean, spans: number): void {
  const outcome = !vote ? 'not_sampled' : role === 'drop' ? 'dropped' : 'sampled';
  tally.traces[outcome] += 1;
  tally.spans[outcome] += spans;
}
