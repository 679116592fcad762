/** DNS questions and answers on the wire (RFC 1035), and the resolver's search list. Node's own resolver hides rcodes. */
import { randomInt } from 'node:crypto';
import dgram from 'node:dgram';
import { readFileSync } from 'node:fs';
import net from 'node:net';

const types = { A: 1, NS: 2, CNAME: 5, SOA: 6, PTR: 12, TXT: 16, AAAA: 28, SRV: 33 };
const rcodes = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'];

export class ProbeError extends Error {
  constructor(kind, message) {
    super(message);
    this.kind = kind;
  }
}

function encode(id, name, type) {
  const labels = name
    .replace(/\.$/, '')
    .split('.')
    .filter((label) => label !== '');
  const parts = labels.flatMap((label) => [Buffer.from([Buffer.byteLength(label)]), Buffer.from(label)]);
  const head = Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([head, ...parts, Buffer.from([0, 0, types[type], 0, 1])]);
}

function readName(packet, start) {
  const labels = [];
  let offset = start;
  let end;
  for (let hops = 0; hops < 64; hops++) {
    const length = packet[offset];
    if (length === undefined) throw new ProbeError('protocol', 'a DNS answer ends in the middle of a name');
    if (length === 0) return { name: `${labels.join('.')}`, end: end ?? offset + 1 };
    if ((length & 0xc0) === 0xc0) {
      end ??= offset + 2;
      offset = ((length & 0x3f) << 8) | packet[offset + 1];
    } else {
      labels.push(packet.subarray(offset + 1, offset + 1 + length).toString());
      offset += 1 + length;
    }
  }
  throw new ProbeError('protocol', 'a name in a DNS answer refers to itself');
}

function readData(packet, type, at, length) {
  const data = packet.subarray(at, at + length);
  switch (type) {
    case types.A:
      return [...data].join('.');
    case types.AAAA:
      return ipv6(data);
    case types.NS:
    case types.CNAME:
    case types.PTR:
      return readName(packet, at).name;
    case types.TXT: {
      let text = '';
      for (let i = 0; i < data.length; i += 1 + data[i]) text += data.subarray(i + 1, i + 1 + data[i]).toString();
      return text;
    }
    case types.SRV:
      return `${data.readUInt16BE(0)} ${data.readUInt16BE(2)} ${data.readUInt16BE(4)} ${readName(packet, at + 6).name}`;
    case types.SOA: {
      const primary = readName(packet, at);
      const mailbox = readName(packet, primary.end);
      const numbers = [0, 4, 8, 12, 16].map((offset) => packet.readUInt32BE(mailbox.end + offset));
      return `${primary.name} ${mailbox.name} ${numbers.join(' ')}`;
    }
    default:
      return data.toString('hex');
  }
}

function ipv6(data) {
  const groups = Array.from({ length: 8 }, (_, i) => data.readUInt16BE(2 * i).toString(16));
  let best = { at: -1, length: 1 };
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (groups[i + length] === '0') length += 1;
    if (length > best.length) best = { at: i, length };
  }
  if (best.at < 0) return groups.join(':');
  return `${groups.slice(0, best.at).join(':')}::${groups.slice(best.at + best.length).join(':')}`;
}

function decode(packet, id, type) {
  if (packet.length < 12 || packet.readUInt16BE(0) !== id)
    throw new ProbeError('protocol', 'a DNS answer to another question');
  const code = packet[3] & 15;
  let offset = 12;
  for (let i = 0; i < packet.readUInt16BE(4); i++) offset = readName(packet, offset).end + 4;
  const answers = [];
  for (let i = 0; i < packet.readUInt16BE(6); i++) {
    const { end } = readName(packet, offset);
    const found = packet.readUInt16BE(end);
    const length = packet.readUInt16BE(end + 8);
    if (found === types[type]) answers.push(readData(packet, found, end + 10, length));
    offset = end + 10 + length;
  }
  return { rcode: rcodes[code] ?? `RCODE${code}`, answers: answers.sort(), truncated: (packet[2] & 2) !== 0 };
}

function serverOf(text) {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(text);
  if (match) return { host: match[1] ?? match[2], port: Number(match[3] ?? 53) };
  return { host: text, port: 53 };
}

/** One question to one server over one transport. */
function exchange({ name, type, server, transport, deadline }) {
  const id = randomInt(65_536);
  const query = encode(id, name, type);
  const { host, port } = serverOf(server);
  return new Promise((resolve, reject) => {
    const left = Math.max(1, deadline - performance.now());
    const settle = (work) => (value) => {
      clearTimeout(timer);
      if (transport === 'udp') socket.close();
      else socket.destroy();
      try {
        work === reject ? reject(value) : resolve(decode(value, id, type));
      } catch (error) {
        reject(error);
      }
    };
    const timer = setTimeout(() => fail(new ProbeError('dns-timeout', `${server} did not answer for ${name}`)), left);
    const fail = settle(reject);
    const take = settle(resolve);
    let socket;
    const broken = (error) =>
      fail(
        new ProbeError(
          error.code === 'ECONNREFUSED' ? 'refused' : 'unreachable',
          `DNS server ${server}: ${error.message}`,
        ),
      );
    if (transport === 'udp') {
      socket = dgram.createSocket(net.isIPv6(host) ? 'udp6' : 'udp4');
      socket.once('error', broken).once('message', take);
      socket.connect(port, host, () => socket.send(query));
    } else {
      let received = Buffer.alloc(0);
      socket = net.connect({ host, port }, () =>
        socket.write(Buffer.concat([Buffer.from([query.length >> 8, query.length & 255]), query])),
      );
      socket.once('error', broken).on('data', (chunk) => {
        received = Buffer.concat([received, chunk]);
        if (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0))
          take(received.subarray(2, 2 + received.readUInt16BE(0)));
      });
    }
  });
}

function resolvConf() {
  const file = process.env.CLM_PROBE_RESOLV_CONF ?? '/etc/resolv.conf';
  const conf = { servers: [], search: [], ndots: 1 };
  let text = '';
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ProbeError('io', `${file}: ${error.message}`);
  }
  for (const line of text.split('\n')) {
    const [word, ...rest] = line.trim().split(/\s+/);
    if (word === 'nameserver' && rest[0]) conf.servers.push(rest[0]);
    if (word === 'search' || word === 'domain') conf.search = rest;
    if (word === 'options')
      for (const option of rest) if (option.startsWith('ndots:')) conf.ndots = Number(option.slice(6));
  }
  return conf;
}

/** Names to try in the resolver's order. */
function candidates(name, search, ndots, noSearch) {
  if (name.endsWith('.') || noSearch) return [name];
  const expanded = search.map((domain) => `${name}.${domain}`);
  const dots = name.split('.').length - 1;
  return dots >= ndots ? [name, ...expanded] : [...expanded, name];
}

/** The first name that exists, by the given server or the system's. `{ rcode, answers, name, server }`. */
export async function lookUp(name, { type, server, transport, noSearch, timeoutMs }) {
  const conf = server === undefined ? resolvConf() : { servers: [server], search: [], ndots: 1 };
  if (conf.servers.length === 0) throw new ProbeError('io', 'the resolver configuration names no server');
  const deadline = performance.now() + timeoutMs;
  let last;
  let failure;
  for (const candidate of candidates(name, conf.search, conf.ndots, noSearch)) {
    for (const one of conf.servers) {
      try {
        let answer = await exchange({ name: candidate, type, server: one, transport, deadline });
        if (answer.truncated && transport === 'udp')
          answer = await exchange({ name: candidate, type, server: one, transport: 'tcp', deadline });
        last = { rcode: answer.rcode, answers: answer.answers, name: candidate.replace(/\.$/, ''), server: one };
        failure = undefined;
        if (answer.rcode === 'NOERROR' && (answer.answers.length > 0 || conf.search.length === 0)) return last;
        break;
      } catch (error) {
        failure = error;
      }
    }
    if (failure && performance.now() >= deadline) break;
  }
  if (failure) throw failure;
  return last;
}
