/** Keeps secrets out of logs, messages and stored failures. */

/** Stands where a secret stood. */
export const redacted = '[redacted]';
const hidden = redacted;

/** Values under such keys are secrets whatever they look like. */
const secretKey =
  /^(.*[-_.]?)?(password|passwd|secret|token|authorization|cookie|credentials?|private[-_]?key|secret[-_]?access[-_]?key|api[-_]?key|session[-_]?token)$/i;

/** Values that are secrets wherever they stand, in every form in which a text may hold them. */
const hiddenForms = new Set<string>();
const mostHiddenForms = 20_000;
/** Shorter values are left alone: replacing every "1" would hide the text and protect nothing. */
const shortestHidden = 4;

/** The value itself, its longer lines, and the common encodings of it. */
export function formsOfSecret(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const trimmed = secret.trim();
  const lines = secret
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.length >= 2 * shortestHidden);
  const encoded = bytes.toString('base64');
  const forms = [
    secret,
    trimmed,
    ...lines,
    encoded,
    encoded.replace(/=+$/, ''),
    bytes.toString('base64url'),
    Buffer.from(trimmed).toString('base64'),
    bytes.toString('hex'),
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret),
  ];
  return [...new Set(forms)].filter((form) => form.length >= shortestHidden).sort((a, b) => b.length - a.length);
}

/** From now on these values are replaced in every text that passes through `redactText`: logs, failures, the journal. */
export function hideValues(values: Iterable<string>): void {
  for (const value of values) {
    for (const form of formsOfSecret(value)) {
      if (hiddenForms.size >= mostHiddenForms) hiddenForms.delete(hiddenForms.values().next().value as string);
      hiddenForms.add(form);
    }
  }
}

const patterns: [RegExp, string][] = [
  // userinfo of a URL: https://user:password@host, https://token@host
  [/([a-z][a-z0-9+.-]*:\/\/)[^\s/@"']+@/gi, `$1${hidden}@`],
  [/\b(authorization\s*[:=]\s*)((?:bearer|basic|token|aws4-hmac-sha256)\s+)?[^\s"',;]+/gi, `$1$2${hidden}`],
  [/\b(bearer)\s+[a-z0-9+/_=.~-]{8,}/gi, `$1 ${hidden}`],
  // neither "a basic endpoint" nor "Basic StatefulSet": credentials have digits, or capitals all over
  [/\b([Bb]asic|BASIC)\s+(?=\S*[\d=+]|(?:[a-z]*[A-Z]){4})[A-Za-z0-9+/_=.~-]{8,}/g, `$1 ${hidden}`],
  // query parameters and assignments
  [
    /\b((?:access_token|id_token|refresh_token|token|password|secret|api_key|apikey|x-amz-signature|x-amz-security-token|x-amz-credential|aws_secret_access_key|aws_session_token)\s*[=:]\s*)[^\s&"',;]+/gi,
    `$1${hidden}`,
  ],
  [/(["']?\bsecret[-_ ]?access[-_ ]?key["']?\s*[=:]\s*["']?)[^\s&"',;]+/gi, `$1${hidden}`],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, hidden],
  // whoever has the address of an incoming webhook may post to it
  [/(https:\/\/hooks\.slack\.com\/)[\w/-]+/g, `$1${hidden}`],
  // tokens and keys that are known by their form: AWS, JWT, GitHub, GitLab, Slack, k8s-aws, Standard Webhooks
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, hidden],
  [/\bwhsec_[\w+/=-]{8,}/g, hidden],
  [/\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g, hidden],
  [/\b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|k8s-aws-v1\.)[\w-]{8,}/g, hidden],
];

/** true when a value stored under this key must not be shown. */
export function isSecretKey(key: string): boolean {
  return secretKey.test(key);
}

/** The text with tokens, authorization headers and the userinfo of URLs replaced. */
export function redactText(text: string): string {
  let result = text;
  for (const form of hiddenForms) if (result.includes(form)) result = result.replaceAll(form, hidden);
  return withoutTokens(result);
}

function withoutTokens(text: string): string {
  let result = text;
  for (const [pattern, replacement] of patterns) result = result.replace(pattern, replacement);
  return result;
}

/** Shorter ones are words as likely as secrets: what programs read must not be changed for them. */
const shortestInData = 8;

/** A copy of JSON in which no value that is hidden stands any more; keys, shapes and everything else stay as they are. */
export function hideInData<Data>(data: Data): Data {
  const text = JSON.stringify(data) as string | undefined;
  if (text === undefined) return data;
  const found = [...hiddenForms].filter((form) => form.length >= shortestInData && text.includes(inJson(form)));
  if (found.length === 0) return data;
  return JSON.parse(text, (_, value: unknown) =>
    typeof value === 'string' ? found.reduce((said, form) => said.replaceAll(form, hidden), value) : value,
  ) as Data;
}

function inJson(form: string): string {
  return JSON.stringify(form).slice(1, -1);
}

/** A copy of JSON in which every text was redacted as `redactText` does; the same object when there was nothing to take out. */
export function redactData<Data>(data: Data): Data {
  const text = JSON.stringify(data) as string | undefined;
  if (text === undefined) return data;
  const copy = JSON.parse(text, (_, value: unknown) => (typeof value === 'string' ? redactText(value) : value)) as Data;
  return JSON.stringify(copy) === text ? data : copy;
}

/** Under these names stands what people wrote, or what somebody answered: not what programs look things up by. */
const proseKey = /^(message|reason|text|title|description|subject|issue|evidence|leaked|odds|note|error)$/;

/**
 * A copy of JSON as `redactText` makes it where people read; the same object when there was nothing to take out. Elsewhere tokens go that are
 * known by their form, and values that are hidden stay: a name that something is looked up by may happen to be somebody's secret, and a
 * freeze of a channel that is called so must go on being one.
 */
export function redactProse<Data>(data: Data): Data {
  return proseOf(data, false) as Data;
}

function proseOf(value: unknown, prose: boolean): unknown {
  if (typeof value === 'string') return prose ? redactText(value) : withoutTokens(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const items = value.map((item) => proseOf(item, prose));
    return items.some((item, index) => item !== value[index]) ? items : value;
  }
  let copy: Record<string, unknown> | undefined;
  for (const [key, item] of Object.entries(value)) {
    const said = proseOf(item, prose || proseKey.test(key));
    if (said === item) continue;
    copy ??= { ...value };
    copy[key] = said;
  }
  return copy ?? value;
}

const maxDepth = 6;
const maxItems = 200;

/** A copy with every secret replaced: by key name, and inside strings. Bounded in depth and width; cycles are cut. */
export function redactValue(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= maxDepth) return '[too deep]';
  if (Array.isArray(value)) return value.slice(0, maxItems).map((item) => redactValue(item, depth + 1));
  if (value instanceof Error) return redactError(value, depth);
  if (value instanceof Date) return value.toISOString();
  const copy: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value).slice(0, maxItems)) {
    copy[key] = item !== undefined && item !== null && isSecretKey(key) ? hidden : redactValue(item, depth + 1);
  }
  return copy;
}

function redactError(error: Error, depth: number): Record<string, unknown> {
  return {
    type: error.name,
    message: redactText(error.message),
    ...(error.stack === undefined ? {} : { stack: redactText(error.stack) }),
    ...(error.cause === undefined ? {} : { cause: redactValue(error.cause, depth + 1) }),
  };
}
