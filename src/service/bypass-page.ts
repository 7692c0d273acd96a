import { adminError, type AdminAnswer, type AdminPage, type AdminRequest } from '../core/admin.ts';
import { parseDuration } from '../core/settings.ts';
import type { BypassSwitch } from './bypass-switch.ts';

/** `/bypass` of the admin extension: GET says how it stands, POST begins (`{"for": "10m"}` or `?for=10m`), DELETE ends. */
export function bypassPage(bypass: BypassSwitch): AdminPage {
  return {
    path: '/bypass',
    summary: 'Bypass mode: nothing is sampled, filtered or limited. POST {"for": "10m"} begins, DELETE ends.',
    methods: ['GET', 'POST', 'DELETE'],
    answer: (request) => answer(bypass, request),
  };
}

function answer(bypass: BypassSwitch, request: AdminRequest): AdminAnswer {
  if (request.rest !== '') return adminError(404, 'There is nothing below /bypass.');
  if (request.method === 'POST') return begin(bypass, request);
  if (request.method === 'DELETE') bypass.end('admin');
  return { status: 200, body: bypass.state() };
}

function begin(bypass: BypassSwitch, { query, body }: AdminRequest): AdminAnswer {
  const asked = query.get('for') ?? durationIn(body);
  const forMs = asked === undefined ? bypass.maxMs : parseDuration(asked);
  if (forMs === undefined || forMs <= 0) {
    return adminError(400, '"for" is not a duration.', 'Write a number and a unit, such as 90s, 10m or 1h30m.');
  }
  if (forMs > bypass.maxMs) {
    const limit = `Bypass mode lasts ${bypass.maxMs / 1000} s at most.`;
    return adminError(400, limit, 'Ask for less, or raise service.bypass.max_duration.');
  }
  bypass.begin('admin', forMs);
  return { status: 200, body: bypass.state() };
}

/** Undefined when the body says nothing; text that is no duration when it says something else. */
function durationIn(body: unknown): string | undefined {
  if (body === undefined || body === null) return undefined;
  if (typeof body !== 'object') return '';
  const keys = Object.keys(body);
  if (keys.length === 0) return undefined;
  return keys.length === 1 && 'for' in body && typeof body.for === 'string' ? body.for : '';
}
