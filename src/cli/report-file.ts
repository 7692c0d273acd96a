import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorMessage } from '../core/errors.ts';
import { tellErrors } from './output.ts';

/**
 * Writes a report, in a folder that is made where it is not there: CI systems collect reports from folders of their own. False
 * after it was told why it cannot be written.
 */
export async function isWritten(path: string, text: string): Promise<boolean> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
    return true;
  } catch (error) {
    await tellErrors([`${path}: cannot be written (${errorMessage(error)})`]);
    return false;
  }
}
