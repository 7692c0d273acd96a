import * as z from 'zod';
import { Secret } from '../core/secret.ts';

/** Header names are tokens (RFC 9110, 5.6.2); the values are credentials more often than not, so they never print. */
export function headersSetting() {
  const name = z.string().regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, 'is not a header name');
  const value = z
    .string()
    .regex(/^[\x20-\x7e]*$/, 'holds a character that a header cannot carry')
    .transform((text) => new Secret(text));
  return z
    .record(name, value)
    .default({})
    .describe('Sent with every request. Values are kept secret: they print as [REDACTED].');
}

/** Keys of the Collector's clients that change nothing here. */
export const bufferSizes = () => ({
  read_buffer_size: z.number().int().nonnegative().default(0).describe('Accepted for compatibility; has no effect.'),
  write_buffer_size: z
    .number()
    .int()
    .nonnegative()
    .default(524288)
    .describe('Accepted for compatibility; has no effect.'),
});
