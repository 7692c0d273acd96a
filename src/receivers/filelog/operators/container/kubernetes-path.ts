import { dirname, resolve } from 'node:path';
import type { FileSystem } from '../../../../core/file-system.ts';

/**
 * What the kubelet writes into the paths of container logs, as resource attributes of the semantic conventions.
 *
 *   /var/log/pods/<namespace>_<pod>_<uid>/<container>/<restart count>.log        also with .<time> of a rotated file
 *   /var/log/containers/<pod>_<namespace>_<container>-<container id>.log         a link to the former
 *
 * Empty for other paths.
 */
export function kubernetesAttributes(files: FileSystem, path: string): ReadonlyMap<string, string> {
  const match = podLog(files, path);
  if (match === undefined) return new Map();
  const [, namespace = '', pod = '', uid = '', container = '', restarts = ''] = match;
  return new Map([
    ['k8s.namespace.name', namespace],
    ['k8s.pod.name', pod],
    ['k8s.pod.uid', uid],
    ['k8s.container.name', container],
    ['k8s.container.restart_count', restarts],
  ]);
}

const POD_LOG = /^(?:.*\/)?([^_/]+)_([^_/]+)_([a-f0-9-]+)\/([^._/]+)\/(\d+)\.log(?:[.-][^/]*)?$/;

const MAX_LINKS = 8;

/** Links are followed one by one, since the last one may lead out of the directories that carry the names. */
function podLog(files: FileSystem, path: string): RegExpExecArray | undefined {
  let at: string | undefined = path;
  for (let links = 0; at !== undefined && links <= MAX_LINKS; links++) {
    const match = POD_LOG.exec(at);
    if (match !== null) return match;
    at = target(files, at);
  }
  return undefined;
}

function target(files: FileSystem, path: string): string | undefined {
  try {
    return resolve(dirname(path), files.readLink(path));
  } catch {
    // No link, or rotated away in between.
    return undefined;
  }
}
