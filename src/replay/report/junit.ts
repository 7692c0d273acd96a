import type { JobResult } from '../run-job.ts';
import { printable } from './printable.ts';
import { differencesText, headlineText, USUAL, type Shown } from './text.ts';

/** The results as JUnit XML, which CI systems show: a suite of the name `remora replay`, a case for each replay. */
export function junitXml(results: readonly JobResult[], shown = USUAL): string {
  const failed = results.filter(({ status }) => status === 'failed').length;
  const invalid = results.filter(({ status }) => status === 'invalid').length;
  const seconds = results.reduce((sum, { tookMs }) => sum + tookMs, 0) / 1000;
  const attributes = `tests="${results.length}" failures="${failed}" errors="${invalid}" time="${seconds.toFixed(3)}"`;
  const cases = results.map((result) => testCase(result, shown)).join('');
  return (
    `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ${attributes}>\n` +
    `  <testsuite name="remora replay" ${attributes}>\n${cases}  </testsuite>\n</testsuites>\n`
  );
}

function testCase({ job, status, differences, error, tookMs }: JobResult, shown: Shown): string {
  const head = `    <testcase classname="replay" name="${escaped(job.name)}" time="${(tookMs / 1000).toFixed(3)}"`;
  if (status === 'invalid') {
    const message = escaped(error ?? '');
    return `${head}>\n      <error message="${message}">${message}</error>\n    </testcase>\n`;
  }
  if (status !== 'failed') return `${head}/>\n`;
  const message = escaped(printable(headlineText(differences)));
  const text = escaped(differencesText(differences, shown));
  return `${head}>\n      <failure message="${message}">${text}</failure>\n    </testcase>\n`;
}

/** For text and attributes; characters that XML 1.0 does not have are left out. */
function escaped(text: string): string {
  const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text
    .replaceAll(/(?![\t\n\r])\p{Cc}|[\ufffe\uffff]/gu, '')
    .replaceAll(/[&<>"]/g, (char) => entities[char] ?? char);
}
