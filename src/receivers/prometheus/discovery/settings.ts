import { basename, dirname } from 'node:path';
import * as z from 'zod';
import { errorMessage } from '../../../core/errors.ts';
import { prometheusDuration } from '../config-values.ts';
import { checkCredentials, httpClientKeys } from '../http-client-settings.ts';
import { globPattern } from './file-patterns.ts';

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
          )
          .superRefine(checkPattern),
      )
      .nonempty()
      .describe('Files with lists of targets, as paths or patterns such as targets/*.json.'),
    refresh_interval: prometheusDuration()
      .prefault('5m')
      .refine((ms) => ms > 0, 'must be longer than 0')
      .describe('How often files are read even if no change was noticed.'),
  });
export type FileDiscoveryConfig = z.output<ReturnType<typeof fileDiscoveryConfig>>;

/** What Go's filepath.Match would refuse when files are looked for, and ranges that hold nothing. */
function checkPattern(path: string, context: z.core.$RefinementCtx<string>): void {
  const refuse = (message: string): void => {
    context.addIssue({ code: 'custom', message, input: path });
  };
  if (/[?[\\]/.test(dirname(path))) refuse('only its last part may be a pattern, as targets/[a-z]*.json');
  try {
    globPattern(basename(path));
  } catch (error) {
    refuse(`is not a pattern of file names: ${errorMessage(error)}; * ? [a-z] [^a] and \\ before a character are`);
  }
}

const hasUser = (text: string): boolean => {
  const url = URL.parse(text);
  return url !== null && (url.username !== '' || url.password !== '');
};

export const httpDiscoveryConfig = () =>
  z
    .strictObject({
      url: z
        .string()
        .refine(
          (text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ''),
          'is not a URL such as http://localhost/targets',
        )
        .refine(
          (text) => !hasUser(text),
          'holds a user or a password; write them into basic_auth, where they are secret',
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
