import type { MetadataUse } from '../core/component.ts';
import type { Draft } from './components.ts';
import type { PipelinePlan } from './pipelines.ts';
import { valuePlace } from './positions.ts';

/** What the component of an id does to metadata. */
export type UseOf = (role: 'receivers' | 'processors', id: string) => MetadataUse | undefined;

/** A processor that goes by the metadata of requests finds none where nobody carries it, or somebody dropped it before. */
export function warnOfMetadata({ root, problems }: Draft, pipelines: readonly PipelinePlan[], useOf: UseOf): void {
  for (const { id, receivers, processors } of pipelines) {
    processors.forEach((processor, index) => {
      if (useOf('processors', processor) !== 'needs') return;
      const path = ['service', 'pipelines', id, 'processors', index];
      const warn = (message: string, advice: string): void =>
        problems.warn(valuePlace(root, path), path, message, advice);
      const joiner = processors.slice(0, index).find((other) => useOf('processors', other) === 'drops');
      if (joiner !== undefined) {
        warn(`"${processor}" goes by request metadata, which is gone after "${joiner}"`, `put it before "${joiner}"`);
      }
      if (receivers.some((receiver) => useOf('receivers', receiver) === 'carries')) return;
      const message = `"${processor}" goes by request metadata, which no receiver of this pipeline carries`;
      warn(message, 'set include_metadata: true in the protocols of the otlp receiver');
    });
  }
}
