/** The probe's command line, by the contract in deploy/probe/README.md. */

type FlagKind = 'text' | 'texts' | 'duration' | 'number' | 'size' | 'switch';

const asking: Record<string, FlagKind> = {
  timeout: 'duration',
  count: 'number',
  interval: 'duration',
  'retry-for': 'duration',
  id: 'text',
};

const flagsOf: Record<string, Record<string, FlagKind>> = {
  http: {
    ...asking,
    url: 'texts',
    method: 'text',
    header: 'texts',
    body: 'text',
    connect: 'text',
    insecure: 'switch',
    ca: 'text',
    'service-account': 'switch',
    'show-header': 'texts',
  },
  tcp: { ...asking, address: 'texts', send: 'text' },
  udp: { ...asking, address: 'texts', send: 'text' },
  dns: { ...asking, name: 'texts', type: 'text', server: 'text', transport: 'text', 'no-search': 'switch' },
  'file-write': { ...asking, path: 'text', content: 'text', bytes: 'number' },
  'file-read': { ...asking, path: 'text' },
  metadata: { ...asking, path: 'texts', endpoint: 'text' },
  clock: { ...asking, against: 'texts' },
  env: { ...asking, name: 'texts' },
  batch: { plan: 'text', id: 'text' },
  serve: {
    http: 'texts',
    tcp: 'texts',
    udp: 'texts',
    grpc: 'text',
    body: 'text',
    'ready-after': 'duration',
    'live-for': 'duration',
    metric: 'texts',
    files: 'text',
    'tls-cert': 'text',
    'tls-key': 'text',
  },
  load: { url: 'text', connect: 'text', rps: 'number', for: 'duration', timeout: 'duration', id: 'text' },
  node: { kill: 'text', wait: 'duration', reboot: 'switch', id: 'text' },
  burn: { cpu: 'number', memory: 'size', for: 'duration' },
  log: { text: 'text', lines: 'number', interval: 'duration' },
  sleep: { for: 'text' },
  exit: { code: 'number', after: 'duration' },
};

const needed: Record<string, string> = {
  http: 'url',
  tcp: 'address',
  udp: 'address',
  dns: 'name',
  load: 'url',
  'file-write': 'path',
  'file-read': 'path',
  env: 'name',
};

export interface ProbeArguments {
  probe: string;
  values: Readonly<Record<string, string | number | boolean | readonly string[]>>;
}

/** The subcommand with its flags, or every problem. */
export function parseProbeArguments(words: readonly string[]): ProbeArguments | { usage: string[] } {
  const [probe = '', ...rest] = words;
  const flags = Object.hasOwn(flagsOf, probe) ? flagsOf[probe] : undefined;
  if (!flags) return { usage: [`unknown subcommand '${probe}'; one of: ${Object.keys(flagsOf).join(', ')}`] };
  const usage: string[] = [];
  const values: Record<string, string | number | boolean | string[]> = {};
  for (let i = 0; i < rest.length; i++) {
    const word = rest[i] as string;
    const match = /^--([a-z-]+)(?:=([\s\S]*))?$/.exec(word);
    const name = match?.[1] ?? '';
    const kind = Object.hasOwn(flags, name) ? flags[name] : undefined;
    if (!kind) {
      usage.push(match ? `${probe} has no flag --${name}` : `unexpected argument '${word}'`);
      continue;
    }
    if (kind === 'switch') {
      values[name] = match?.[2] !== 'false';
      continue;
    }
    const text = match?.[2] ?? rest[++i];
    if (text === undefined) usage.push(`--${name} needs a value`);
    else takeValue(values, usage, name, kind, text);
  }
  const must = needed[probe];
  if (must !== undefined && values[must] === undefined) usage.push(`${probe} needs --${must}`);
  const count = values['count'];
  if (typeof count === 'number' && (!Number.isInteger(count) || count < 1 || count > 1000))
    usage.push('--count must be 1 … 1000');
  return usage.length > 0 ? { usage } : { probe, values };
}

function takeValue(
  values: Record<string, string | number | boolean | string[]>,
  usage: string[],
  name: string,
  kind: FlagKind,
  text: string,
): void {
  if (kind === 'text') values[name] = text;
  else if (kind === 'texts') values[name] = [...((values[name] as string[] | undefined) ?? []), text];
  else {
    const value = kind === 'duration' ? durationMs(text) : kind === 'size' ? sizeBytes(text) : Number(text);
    if (value === undefined || !Number.isFinite(value) || value < 0) usage.push(`--${name}: '${text}' is no ${kind}`);
    else values[name] = value;
  }
}

/** `250ms`, `5s`, `2m`, `1h`. */
export function durationMs(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
  const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match?.[2] ?? ''];
  return match && unit !== undefined ? Math.round(Number(match[1]) * unit) : undefined;
}

function sizeBytes(text: string): number | undefined {
  const match = /^(\d+)(Ki|Mi|Gi)?$/.exec(text);
  return match ? Number(match[1]) * { '': 1, Ki: 1024, Mi: 1024 ** 2, Gi: 1024 ** 3 }[match[2] ?? '']! : undefined;
}

export function textOf(args: ProbeArguments, name: string, fallback = ''): string {
  const value = args.values[name];
  return typeof value === 'string' ? value : fallback;
}

export function textsOf(args: ProbeArguments, name: string): readonly string[] {
  const value = args.values[name];
  return Array.isArray(value) ? (value as string[]) : [];
}

export function numberOf(args: ProbeArguments, name: string, fallback: number): number {
  const value = args.values[name];
  return typeof value === 'number' ? value : fallback;
}

export function switchOf(args: ProbeArguments, name: string): boolean {
  return args.values[name] === true;
}
