/** An error as the system gives it: `code` is ENOENT, EEXIST, ... */
export function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}
