import { test } from 'node:test';
import type { Socket } from 'node:net';
import type { FaultyOptions } from '../../support/faulty-upstream.ts';
import { faultMatrix, KEPT, type FaultCase } from './matrix.ts';

/** In the words of the kernel, of undici and of grpc-js. */
const RESET = /ECONNRESET|other side closed|Failed to connect|closed/;

const BRIEF = (): object => ({ timeout: '400ms' });

/** The same fault in front of both exporters. */
function both(
  name: string,
  fault: FaultyOptions['fault'],
  rest: Omit<FaultCase, 'name' | 'exporter' | 'upstream'>,
): FaultCase[] {
  const exporters = ['otlp', 'otlphttp'] as const;
  return exporters.map((exporter) => ({ name, exporter, upstream: { fault }, ...rest }));
}

function reset(socket: Socket): void {
  socket.resetAndDestroy();
}

const cases: readonly FaultCase[] = [
  ...both('refuses connections', { absent: true }, { outcome: KEPT, health: /ECONNREFUSED/ }),
  ...both('accepts and resets', { socket: reset }, { outcome: KEPT, health: RESET }),
  ...both(
    'resets amid the request',
    { socket: (socket) => void socket.once('data', () => reset(socket)) },
    {
      outcome: KEPT,
      health: RESET,
    },
  ),
  ...both(
    'accepts and never answers',
    { socket: (socket) => void socket.resume() },
    {
      settings: BRIEF,
      outcome: KEPT,
      health: /did not answer within 400 ms/,
    },
  ),
];

test('connections that fail', (t) => faultMatrix(t, cases));
