import * as z from 'zod';
import { CREDENTIAL_HEADERS } from '../../core/batch.ts';
import { burst, checkBurst, checkRate, rateShape } from '../../core/rate-limit.ts';

/** Tenants' names are kept in memory, so they count up to here. */
export const MAX_NAME_LENGTH = 256;

const name = () => z.string().min(1).max(MAX_NAME_LENGTH);

const by = () =>
  z
    .strictObject({
      resource_attribute: name().optional().describe('The value of this attribute of the resource names the tenant.'),
      metadata: name()
        .regex(/^[\w!#$%&'*+.^`|~-]+$/, 'is not the name of a header')
        .transform((header) => header.toLowerCase())
        .refine((header) => !CREDENTIAL_HEADERS.has(header), 'is a credential, which is never carried')
        .optional()
        .describe('The value of this request header names the tenant; needs include_metadata on the otlp receiver.'),
    })
    .refine((value) => (value.resource_attribute === undefined) !== (value.metadata === undefined), {
      message: 'set either resource_attribute or metadata',
    });

export const rateLimitConfig = () =>
  z
    .strictObject({
      ...rateShape(),
      burst: burst(),
      by: by().optional().describe('What names the tenant; all share one limit when absent.'),
      overrides: z
        .record(name(), z.strictObject(rateShape()).superRefine(checkRate))
        .default({})
        .describe('Rates of tenants by name; what an override leaves out is as for everybody.'),
      default_tenant: name()
        .default('default')
        .describe('Whose telemetry is that does not name a tenant; may have an override.'),
      when_exceeded: z
        .enum(['push_back', 'drop'])
        .default('push_back')
        .describe(
          'push_back tells the sender of the whole batch when to come again; drop lets go of the tenant’s part.',
        ),
      max_tenants: z
        .number()
        .int()
        .positive()
        .max(100_000)
        .default(1000)
        .describe('Tenants with a limit of their own besides those in overrides; what is beyond shares one.'),
    })
    .superRefine(checkRate)
    .superRefine(checkBurst)
    .superRefine(({ by: key, overrides }, context) => {
      if (key !== undefined || Object.keys(overrides).length === 0) return;
      context.addIssue({ code: 'custom', path: ['overrides'], message: 'needs by, which says what names the tenant' });
    });

export type RateLimitConfig = z.output<ReturnType<typeof rateLimitConfig>>;
