import { z } from 'zod';
export const operatorsSetting = z
  .array(z.never())
  .default([])
  .describe('Steps that parse and change records, in order.');
