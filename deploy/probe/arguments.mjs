/** Reads the program's arguments; every problem at once. */

const durationUnits = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const sizeUnits = { '': 1, Ki: 1024, Mi: 1024 ** 2, Gi: 1024 ** 3 };

const kinds = {
  text: (value) => value,
  duration(value) {
    const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(value);
    if (!match || (match[2] === undefined && match[1] !== '0'))
      throw new Error('must be a duration such as 250ms, 5s or 2m');
    return Number(match[1]) * (durationUnits[match[2]] ?? 1);
  },
  size(value) {
    const match = /^(\d+)(Ki|Mi|Gi)?$/.exec(value);
    if (!match) throw new Error('must be a size such as 64Ki or 128Mi');
    return Number(match[1]) * sizeUnits[match[2] ?? ''];
  },
  number(value) {
    if (!/^\d+$/.test(value)) throw new Error('must be a whole number');
    return Number(value);
  },
  port(value) {
    const port = kinds.number(value);
    if (port < 1 || port > 65_535) throw new Error('must be a port, 1 to 65535');
    return port;
  },
  count(value) {
    const count = kinds.number(value);
    if (count < 1 || count > 1000) throw new Error('must be 1 to 1000');
    return count;
  },
  url(value) {
    const url = new URL(value);
    if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new Error('must be an http or https URL');
    return value;
  },
  endpoint(value) {
    if (!/^\[?[^\s\]]+\]?:\d+$/.test(value)) throw new Error('must be HOST:PORT');
    return value;
  },
};

const one = (kind, value) => ({ kind, value });
const many = (kind, value) => ({ kind, value: value ?? [], many: true });
const flag = { kind: 'flag', value: false };
const choice = (value, ...choices) => ({ kind: 'text', value, choices });

const asking = {
  timeout: one('duration', 5000),
  count: one('count', 1),
  interval: one('duration', 0),
  'retry-for': one('duration', 0),
  id: one('text'),
};

/** Flags by subcommand; `needs` names one that has to be there. */
export const subcommands = {
  http: {
    needs: 'url',
    flags: {
      ...asking,
      url: many('url'),
      method: one('text', 'GET'),
      header: many('text'),
      body: one('text'),
      connect: one('endpoint'),
      insecure: flag,
      ca: one('text'),
      'service-account': flag,
      'show-header': many('text'),
    },
  },
  tcp: { needs: 'address', flags: { ...asking, address: many('endpoint'), send: one('text') } },
  udp: { needs: 'address', flags: { ...asking, address: many('endpoint'), send: one('text', 'ping') } },
  dns: {
    needs: 'name',
    flags: {
      ...asking,
      name: many('text'),
      type: choice('A', 'A', 'AAAA', 'CNAME', 'SRV', 'PTR', 'TXT', 'NS', 'SOA'),
      server: one('text'),
      transport: choice('udp', 'udp', 'tcp'),
      'no-search': flag,
    },
  },
  'file-write': { needs: 'path', flags: { ...asking, path: one('text'), content: one('text'), bytes: one('number') } },
  'file-read': { needs: 'path', flags: { ...asking, path: one('text') } },
  metadata: {
    needs: 'path',
    flags: { ...asking, path: many('text'), endpoint: one('url', 'http://169.254.169.254') },
  },
  clock: { flags: { ...asking, against: many('url') } },
  env: { needs: 'name', flags: { ...asking, name: many('text') } },
  batch: { flags: { ...asking, plan: one('text') } },
  serve: {
    flags: {
      http: many('port'),
      tcp: many('port'),
      udp: many('port'),
      grpc: one('port'),
      body: one('text', 'ok'),
      'ready-after': one('duration', 0),
      'live-for': one('duration'),
      metric: many('text'),
      files: one('text'),
      'tls-cert': one('text'),
      'tls-key': one('text'),
    },
  },
  load: {
    needs: 'url',
    flags: {
      url: one('url'),
      connect: one('endpoint'),
      rps: one('count', 50),
      for: one('duration', 60_000),
      timeout: one('duration', 5000),
      id: one('text'),
    },
  },
  node: { flags: { kill: one('text'), wait: one('duration', 60_000), reboot: flag, id: one('text') } },
  burn: { flags: { cpu: one('number', 1), memory: one('size', 0), for: one('duration', 1000) } },
  log: { needs: 'text', flags: { text: one('text'), lines: one('number', 1), interval: one('duration', 0) } },
  sleep: { needs: 'for', flags: { for: one('text') } },
  exit: { needs: 'code', flags: { code: one('number'), after: one('duration', 0) } },
};

/** `{ name, options }`, or `{ usage }` with every problem. Options are in camel case. */
export function parseArguments(args) {
  const [name, ...rest] = args;
  const found = Object.hasOwn(subcommands, name ?? '') ? subcommands[name] : undefined;
  if (!found) {
    return { usage: [`there is no subcommand '${name ?? ''}'; there are ${Object.keys(subcommands).join(', ')}`] };
  }
  const usage = [];
  const options = {};
  const given = new Set();
  for (const [key, { value }] of Object.entries(found.flags))
    options[camel(key)] = Array.isArray(value) ? [...value] : value;
  for (let i = 0; i < rest.length; i++) {
    const match = /^--([a-z-]+)(?:=([\s\S]*))?$/.exec(rest[i]);
    const key = match?.[1];
    const spec = key !== undefined && Object.hasOwn(found.flags, key) ? found.flags[key] : undefined;
    if (!spec) {
      usage.push(`${name}: unknown argument '${rest[i]}'`);
      continue;
    }
    given.add(key);
    if (spec.kind === 'flag') {
      options[camel(key)] = true;
      continue;
    }
    const text = match[2] ?? rest[++i];
    if (text === undefined) {
      usage.push(`${name}: --${key} has no value`);
      continue;
    }
    try {
      if (spec.choices && !spec.choices.includes(text)) throw new Error(`must be one of ${spec.choices.join(', ')}`);
      const value = kinds[spec.kind](text);
      if (spec.many) options[camel(key)].push(value);
      else options[camel(key)] = value;
    } catch (error) {
      usage.push(`${name}: --${key} '${text}': ${error.code === 'ERR_INVALID_URL' ? 'must be a URL' : error.message}`);
    }
  }
  if (found.needs && !given.has(found.needs)) usage.push(`${name}: --${found.needs} is missing`);
  usage.push(...together(name, options));
  return usage.length > 0 ? { usage } : { name, options };
}

/** What only shows when flags are looked at together. */
function together(name, options) {
  const problems = [];
  if (name === 'sleep' && options.for !== undefined && options.for !== 'forever') {
    try {
      kinds.duration(options.for);
    } catch (error) {
      problems.push(`sleep: --for '${options.for}': ${error.message}, or forever`);
    }
  }
  if (name === 'serve' && (options.tlsCert === undefined) !== (options.tlsKey === undefined)) {
    problems.push('serve: --tls-cert and --tls-key go together');
  }
  if (name === 'node' && (options.kill === undefined) === !options.reboot)
    problems.push('node: one of --kill and --reboot is needed, and not both');
  if (name === 'http') {
    for (const header of options.header)
      if (!/^[^:\s]+:/.test(header)) problems.push(`http: --header '${header}': must be 'Name: value'`);
  }
  if (name === 'serve') {
    for (const metric of options.metric)
      if (!/^[^=]+(\{.*\})?=[-+0-9.eE]+$/.test(metric))
        problems.push(`serve: --metric '${metric}': must be NAME=VALUE`);
  }
  return problems;
}

export function durationOf(text) {
  return text === 'forever' ? Number.POSITIVE_INFINITY : kinds.duration(text);
}

function camel(key) {
  return key.replace(/-([a-z])/g, (_, letter) => letter.toUpperCase());
}
