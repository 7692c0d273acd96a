/** What names say of their values. A name is one of an attribute, a header, a label, a member, an option or a variable. */

/** What a `pass` has to be of, to be none of a test. */
const PASS_OF =
  'db|ftp|smtp|mail|imap|user|ssh|become|sudo|admin|root|ldap|bind|proxy|mq|rabbit|rabbitmq|redis|mongo|mysql|pg|key|store|keystore|truststore|cert|wifi|vpn|svn';

/** What a `key` has to be of, to be none of a map or a table. */
const KEY_OF =
  'api|app|application|private|access|signing|encryption|hmac|master|account|auth|ssh|license|subscription|functions|shared';

/** What a text must have to hold such a name. */
export const NAME_SIGNS: readonly string[] = [
  'pass(?:w|phrase|code|[^a-z]|$)',
  'pw(?:d|[^a-z]|$)',
  'secret',
  'token',
  'authorization',
  'credential',
  'cookie',
  String.raw`(?:${KEY_OF})[-_. ]?key`,
  String.raw`session[-_. ]?(?:previous[-_. ]?)?id`,
  'sessid',
  'jwt',
  'signature',
];

/** Nouns that name a credential. `tokens` are counted, but for those of access. */
const NOUN = new RegExp(
  [
    'passw(?:or)?ds?',
    `^pass$|(?<![a-z])(?:${PASS_OF})[-_.]?pass(?![a-z])`,
    'passphrases?',
    'passcodes?',
    '(?<![a-z])(?:my|db|pg|ftp|user|root|admin)?pwd(?![a-z])',
    '(?<![a-z])(?:bind|root|admin|user|db)?pw(?![a-z])',
    'secrets?(?!ar|ion)',
    '(?:access|refresh|auth|api|bearer)[-_. ]?tokens',
    'token(?!s|i[sz])',
    'authorization',
    'credentials?',
    'cookies?',
    String.raw`(?:secret|${KEY_OF})[-_. ]?keys?(?![-_. ]?id)`,
    String.raw`session[-_. ]?(?:previous[-_. ]?)?id`,
    '(?:j|php|asp)sessi(?:on)?id',
    '(?<![a-z])jwt(?![a-z])',
    'x-(?:amz|goog)-signature',
  ].join('|'),
  'gi',
);

/** `max_token`, `next_page_token`: of language models, and of pages. */
const COUNTED =
  /(?:input|output|max|min|prompt|completion|num|total|cached?|reasoning|thinking|first|last|next|page|per|stop|pad|continuation)[-_. ]?$/i;

/** `token_count`, `passwordChanged`, `secret.name`: something about a credential. */
const ABOUT = new RegExp(
  String.raw`^[-_. ]?(?:${[
    'counts?|counter|totals?|changed?|changes|updated|types?|length|len|size|limits?|budget|usage|used?|uses|cost|rate',
    'expires|expiry|expired?|expiration|exp|ttl|age|at|in|names?|ur[li]|endpoint|path|file|filename|dir|policy|rules?',
    'valid|validity|validation|invalid|enabled|disabled|required|missing|present|rotated|rotation|reset|strength|kind',
    'status|state|errors?|attempts?|retries|versions?|provider|manager|store|source|method|scheme|mode|server|service',
    'domain|consent|banner|jar|stdin|prompt|issuer|audience|scopes?|duration|seconds|ms|latency|time|date|index|position',
    'bucket|format|algorithm|alg|arn|region|uid|refresh(?:ed)?|exceptions?|failure|failed|less|handler|filter|factory|interceptor',
    'utils?|parser|validator|generator|authentication|authenticator|repository|controller|cache|found',
  ].join('|')})(?![a-z])`,
);

/** `token.go:42`, `InvalidTokenError: ...` */
const PLACE_OR_ERROR =
  /(?:\.(?:[cm]?[jt]sx?|java|kt|scala|go|py|rb|php|cs|rs|exs?|cc?|cpp|h|swift|pl)|Error|Exception)$/;

/** True when a text of this name is a credential, as far as the name tells. Takes its time by the length of the name. */
export function namesCredential(name: string): boolean {
  if (PLACE_OR_ERROR.test(name)) return false;
  NOUN.lastIndex = 0;
  for (let found = NOUN.exec(name); found !== null; found = NOUN.exec(name)) {
    const rest = name.slice(NOUN.lastIndex);
    // With the capital that begins a word in `tokenCount`, and without those of `TOKEN_COUNT`.
    const about =
      rest.slice(0, 2).toLowerCase() + (rest === rest.toUpperCase() ? rest.slice(2).toLowerCase() : rest.slice(2));
    if (ABOUT.test(about)) continue;
    const isCounted = found[0].toLowerCase() === 'token' && COUNTED.test(name.slice(0, found.index));
    if (!isCounted) return true;
  }
  return false;
}
