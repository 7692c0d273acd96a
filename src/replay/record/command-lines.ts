/** Options that take a credential with some programs alone: elsewhere, `-p` is a port. */

/** Where in the argument of an option its credential begins; undefined when it has none. */
export type SecretStart = (argument: string) => number | undefined;

/** What a text must have to hold such an option. */
export const OPTION_SIGNS: readonly string[] = [String.raw`["'\s]-[uUpPaw]`, '--(?:proxy-)?user'];

const whole: SecretStart = () => 0;

function behind(mark: string): SecretStart {
  return (argument) => {
    const at = argument.indexOf(mark);
    return at < 0 ? undefined : at + 1;
  };
}

interface Program {
  /** Whether it is called by the last command of this text. */
  isIn(text: string): boolean;
}

/** `parts`: of which one is in each of the names. */
function program(names: string, parts: readonly string[]): Program {
  const call = new RegExp(String.raw`(?:^|[\s/"'\x60\\(])(?:${names})(?=[\s"'\\])`);
  return { isIn: (text) => parts.some((part) => text.includes(part)) && call.test(lastCommand(text)) };
}

const CURL = { program: program('curl', ['curl']), secret: behind(':') };
const SMB = { program: program('smbclient|rpcclient', ['client']), secret: behind('%') };
const LOGIN = String.raw`(?:docker|podman|nerdctl|helm registry|oras|skopeo|buildah|az)\s{1,4}login`;
const MONGO = 'mongo(?:sh|dump|restore|export|import|stat|top)?';

const OPTIONS: ReadonlyMap<string, readonly { readonly program: Program; readonly secret: SecretStart }[]> = new Map([
  ['-u', [CURL]],
  ['--user', [CURL]],
  ['--proxy-user', [CURL]],
  ['-U', [CURL, SMB]],
  [
    '-p',
    [{ program: program(`sshpass|cqlsh|${MONGO}|${LOGIN}`, ['sshpass', 'cqlsh', 'mongo', 'login']), secret: whole }],
  ],
  ['-a', [{ program: program('redis-cli', ['redis-cli']), secret: whole }]],
  ['-w', [{ program: program('ldap[a-z]{1,20}', ['ldap']), secret: whole }]],
  ['-P', [{ program: program('sqlcmd|bcp|zip|unzip', ['sqlcmd', 'bcp', 'zip']), secret: whole }]],
]);

/** Of `mysql -pcanary`, in one word. */
const ATTACHED = program('(?:mysql|mariadb)[a-z-]{0,20}|sshpass', ['mysql', 'mariadb', 'sshpass']);
const ATTACHED_OPTION = '-p';

/** What this option takes, in a command that goes as `before` up to it. */
export function secretOf(option: string, before: () => string): SecretStart | undefined {
  const known = OPTIONS.get(option);
  if (known === undefined) return undefined;
  const near = before();
  return known.find(({ program }) => program.isIn(near))?.secret;
}

/** How many characters of this argument are the option, before the credential itself; undefined when it has none. */
export function attachedOption(argument: string, before: () => string): number | undefined {
  const isOption = argument.startsWith(ATTACHED_OPTION) && argument.length > ATTACHED_OPTION.length;
  return isOption && ATTACHED.isIn(before()) ? ATTACHED_OPTION.length : undefined;
}

function lastCommand(before: string): string {
  return before.slice(Math.max(before.lastIndexOf('\n'), before.lastIndexOf('|'), before.lastIndexOf(';')) + 1);
}
