/** Which ends a rule is about: a node's name, a zone, `outside`, or `*`. */
export type LinkEnd = string;

/** A bad piece of wire, in both directions. */
export interface LinkRule {
  from: LinkEnd;
  to: LinkEnd;
  /** 0 … 100. */
  lossPercent?: number;
  extraLatencyMs?: number;
  /** Larger messages and answers vanish: a black hole of path MTU discovery. Bytes. */
  mtu?: number;
}

/** `silent`: accepts and never answers; `refused`: its ports are closed; `failing`: HTTP 500, SERVFAIL, NOT_SERVING. */
export type ImageFault = 'silent' | 'refused' | 'failing';

/** What a proxy at the edge does not do, though its routes say so. */
export type ProxyMistake = 'redirects' | 'weights' | 'headers' | 'filters' | 'limits';

/** What goes wrong inside of a cluster. Plain data: a scenario file may hold it. */
export interface RuntimeFaultValues {
  links: readonly LinkRule[];
  /** Nodes (or `*`) whose kube-proxy routes no service. */
  proxyDown: readonly string[];
  /** Nodes (or `*`) whose pods have no network at all. */
  cniDown: readonly string[];
  /** `ignored`: the network plugin does not enforce them. */
  networkPolicies: 'enforced' | 'ignored';
  /** The instance metadata service, as pods reach it. */
  metadata: 'ok' | 'blocked';
  /** What the role of a node may do with buckets: nothing, or everything. */
  nodeRole: 'narrow' | 'wide';
  /** `stays-away`: a kubelet that was killed, or a machine that was started again, does not come back. */
  restarts: 'ok' | 'stays-away';
  /** Of nodes with graphics processors. */
  gpuDriver: 'ok' | 'broken';
  /** Added to every answer of the cluster's DNS. */
  dnsLatencyMs: number;
  /** By a part of the image's name. */
  images: Readonly<Record<string, ImageFault>>;
  /** Add-ons by name. `off`: runs and does nothing; `broken`: answers errors as well. */
  addons: Readonly<Record<string, 'off' | 'broken'>>;
  /** Of ingress controllers, gateways and Skipper. */
  proxyMistakes: readonly ProxyMistake[];
  /** Conditions that node-problem-detector finds, by node or `*`. */
  nodeProblems: Readonly<Record<string, readonly string[]>>;
}

const none: RuntimeFaultValues = {
  links: [],
  proxyDown: [],
  cniDown: [],
  networkPolicies: 'enforced',
  metadata: 'ok',
  nodeRole: 'narrow',
  restarts: 'ok',
  gpuDriver: 'ok',
  dnsLatencyMs: 0,
  images: {},
  addons: {},
  proxyMistakes: [],
  nodeProblems: {},
};

/** What a scenario has broken inside of one cluster now, and who wants to know when that changes. */
export class RuntimeFaults {
  #values: RuntimeFaultValues = none;
  readonly #listeners: (() => void)[] = [];

  /** Nothing was ever broken, or all of it was cleared. */
  get isClear(): boolean {
    return Object.entries(this.#values).every(([name, value]) =>
      typeof value === 'object' ? Object.keys(value).length === 0 : value === none[name as keyof RuntimeFaultValues],
    );
  }

  get values(): RuntimeFaultValues {
    return this.#values;
  }

  /** Replaces the given parts; the others stay. */
  set(changes: Partial<RuntimeFaultValues>): void {
    this.#values = { ...this.#values, ...changes };
    for (const listener of this.#listeners) listener();
  }

  /** Everything works again. */
  clear(): void {
    this.set(none);
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  proxyDownOn(node: string): boolean {
    return names(this.#values.proxyDown, node);
  }

  cniDownOn(node: string): boolean {
    return names(this.#values.cniDown, node);
  }

  ofImage(image: string): ImageFault | undefined {
    for (const part of Object.keys(this.#values.images)) if (image.includes(part)) return this.#values.images[part];
    return undefined;
  }
}

function names(list: readonly string[], node: string): boolean {
  return list.length > 0 && (list.includes('*') || list.includes(node));
}
