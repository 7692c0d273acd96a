import * as z from 'zod';
import { byteSize } from '../../../../core/settings.ts';
import { common, field } from '../settings.ts';

export const container = () =>
  z.strictObject({
    type: z.literal('container').describe('Takes the format of a container runtime off, and joins lines that it cut.'),
    ...common(),
    parse_from: field().prefault('body').describe('What is parsed.'),
    parse_to: field().prefault('attributes').describe('Where the stream and the tag go.'),
    format: z
      .enum(['', 'docker', 'crio', 'containerd'])
      .default('')
      .describe('Format of the runtime; empty: found out line by line.'),
    add_metadata_from_filepath: z
      .boolean()
      .default(true)
      .describe("Adds the pod's k8s.* attributes, which stand in the path of the file, to the resource."),
    max_log_size: byteSize()
      .prefault('1MiB')
      .describe('A joined line is ended at this size, marked and counted; 0: at max_log_size of the receiver.'),
  });

export type ContainerConfig = z.output<ReturnType<typeof container>>;
