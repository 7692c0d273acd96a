import { join } from 'node:path';
import { MANIFEST } from '../fixture/manifest.ts';
import type { JobResult } from '../run-job.ts';
import { countsText, differencesText } from './text.ts';

/** The results as workflow commands of GitHub Actions: an annotation at the manifest of each replay that did not pass. */
export function githubAnnotations(results: readonly JobResult[]): string {
  return results
    .filter(({ status }) => status === 'failed' || status === 'invalid')
    .map(({ job, differences, error }) => {
      const title = `replay ${job.name}: ${error === undefined ? countsText(differences) : 'invalid'}`;
      const message = error ?? differencesText(differences);
      return `::error file=${property(join(job.folder, MANIFEST))},title=${property(title)}::${data(message)}\n`;
    })
    .join('');
}

function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
