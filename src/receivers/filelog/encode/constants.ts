import { basename } from 'node:path';
import type { FileSystem } from '../../../core/file-system.ts';
import { LOG } from '../../../otlp/fields.ts';
import { writeKeyValue } from '../../../otlp/value.ts';
import { Writer } from '../../../otlp/writer.ts';
import { OwnerNames } from './owner-names.ts';

/** Attributes that every record of one file has, by key. */
export type ConstantAttributes = ReadonlyMap<string, string>;

export interface FileAttributeOptions {
  readonly include_file_name: boolean;
  readonly include_file_path: boolean;
  readonly include_file_name_resolved: boolean;
  readonly include_file_path_resolved: boolean;
  readonly include_file_owner_name: boolean;
  readonly include_file_owner_group_name: boolean;
  readonly include_file_permissions: boolean;
  readonly attributes: Readonly<Record<string, string>>;
}

/** Who owns a file, and who may do what with it. */
export interface Ownership {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** The attributes that the Collector puts on the records of a file, and those of the configuration. */
export class FileAttributes {
  readonly #files: FileSystem;
  readonly #options: FileAttributeOptions;
  readonly #users: OwnerNames;
  readonly #groups: OwnerNames;

  constructor(files: FileSystem, options: FileAttributeOptions) {
    this.#files = files;
    this.#options = options;
    this.#users = new OwnerNames(files, '/etc/passwd');
    this.#groups = new OwnerNames(files, '/etc/group');
  }

  of(path: string, owner: Ownership = NOBODY): ConstantAttributes {
    const options = this.#options;
    const attributes = new Map(Object.entries(options.attributes));
    if (options.include_file_name) attributes.set('log.file.name', basename(path));
    if (options.include_file_path) attributes.set('log.file.path', path);
    if (options.include_file_name_resolved || options.include_file_path_resolved) {
      const resolved = this.#resolve(path);
      if (options.include_file_name_resolved) attributes.set('log.file.name_resolved', basename(resolved));
      if (options.include_file_path_resolved) attributes.set('log.file.path_resolved', resolved);
    }
    if (options.include_file_owner_name) attributes.set('log.file.owner.name', this.#users.name(owner.uid));
    if (options.include_file_owner_group_name)
      attributes.set('log.file.owner.group.name', this.#groups.name(owner.gid));
    if (options.include_file_permissions) {
      attributes.set('log.file.permissions', (owner.mode & 0o777).toString(8).padStart(3, '0'));
    }
    return attributes;
  }

  #resolve(path: string): string {
    try {
      return this.#files.realPath(path);
    } catch {
      // Rotated away in between; the name it had is the best there is.
      return path;
    }
  }
}

const NOBODY: Ownership = { mode: 0, uid: 0, gid: 0 };

export function encodeRecordAttributes(attributes: ConstantAttributes): Uint8Array {
  const writer = new Writer(256);
  for (const [key, value] of attributes) writeKeyValue(writer, LOG.attributes, key, value);
  return writer.take();
}

/** Marks a record that holds part of a line longer than max_log_size. Ours. */
export const CUT_KEY = 'log.record.cut';
export const RECORD_NUMBER_KEY = 'log.file.record_number';
export const RECORD_OFFSET_KEY = 'log.file.record_offset';
