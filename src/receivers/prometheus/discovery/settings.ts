import * as z from 'zod';
import { prometheusDuration } from '../config-values.ts';
import { checkCredentials, httpClientKeys } from '../http-client-settings.ts';

/** Only the name of the file may hold a `*`, and its ending says how it is read. */
const FILE = /^[^*]*(?:\*[^/]*)?\.(?:json|ya?ml|JSON|YA?ML)$/;

export const fileDiscoveryConfig = () =>
  z.strictObject({
    files: z
      .array(
        z
          .string()
          .regex(
            FILE,
            'write a path that ends in .json, .yml or .yaml; only its last part may hold a *, as targets/*.json',
          ),
      )
      .nonempty()
      .describe('Files with lists of targets, as paths or patterns such as targets/*.json.'),
    refresh_interval: prometheusDuration()
      .prefault('5m')
      .refine((ms) => ms > 0, 'must be longer than 0')
      .describe('How often files are read even if no change was noticed.'),
  });
export type FileDiscoveryConfig = z.output<ReturnType<typeof fileDiscoveryConfig>>;

export const httpDiscoveryConfig = () =>
  z
    .strictObject({
      url: z
        .string()
        .refine(
          (text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ''),
          'is not a URL such as http://localhost/targets',
        )
        .describe('Where the list of targets is.'),
      refresh_interval: prometheusDuration()
        .prefault('1m')
        .refine((ms) => ms > 0, 'must be longer than 0')
        .describe('How often it is asked for, a tenth more or less.'),
      ...httpClientKeys(),
    })
    .superRefine(checkCredentials);
export type HttpDiscoveryConfig = z.output<ReturnType<typeof httpDiscoveryConfig>>;
