import { adminError, type AdminAnswer, type AdminPage, type AdminRequest } from '../../core/admin.ts';
import { parseDuration } from '../../core/settings.ts';
import { describeFault, type Fault } from './fault.ts';

const ADVICE = 'Such as {"fault": "outage", "state": "on", "for": "5m"}; state is on, off or scheduled.';
/** So that a fault that is switched by hand ends although nobody thinks of it. */
const DEFAULT_MS = 10 * 60_000;

/**
 * `/faults` of the admin extension, `/faults/name` of `fault_injection/name`: GET says how they stand, POST switches one
 * on or off for a while.
 */
export function faultsPage(extensionId: string, faults: readonly Fault[]): AdminPage {
  return {
    path: extensionId.replace(/^[^/]*/, '/faults'),
    summary: 'Faults on purpose. POST {"fault": "1", "state": "on", "for": "5m"} switches one: on, off or scheduled.',
    methods: ['GET', 'POST'],
    answer: (request) => answer(faults, request),
  };
}

function answer(faults: readonly Fault[], { rest, method, body }: AdminRequest): AdminAnswer {
  if (rest !== '') return adminError(404, 'There is nothing below /faults.');
  const refusal = method === 'POST' ? change(faults, body) : undefined;
  return refusal ?? { status: 200, body: { faults: faults.map(stateOf) } };
}

function stateOf({ name, active, byHand, config }: Fault): object {
  const { exporters, signals } = config;
  return { fault: name, active, scheduled: !byHand, does: describeFault(config), exporters, signals };
}

/** What is wrong with the request, or undefined when it was done. */
function change(faults: readonly Fault[], body: unknown): AdminAnswer | undefined {
  const { fault: name, state, for: asked = DEFAULT_MS, ...others } = isObject(body) ? body : {};
  const fault = faults.find((each) => each.name === name);
  if (fault === undefined) {
    const names = faults.map((each) => each.name).join(', ');
    return adminError(404, 'There is no such fault.', `There are: ${names}. ${ADVICE}`);
  }
  const forMs = typeof asked === 'string' ? parseDuration(asked) : asked === DEFAULT_MS ? DEFAULT_MS : undefined;
  if (Object.keys(others).length > 0 || forMs === undefined || forMs <= 0) {
    return adminError(400, 'The request is not understood.', ADVICE);
  }
  if (state === 'on' || state === 'off') fault.override(state === 'on', forMs);
  else if (state === 'scheduled') fault.resume();
  else return adminError(400, 'There is no such state.', ADVICE);
  return undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
