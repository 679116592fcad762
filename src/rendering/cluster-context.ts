import type { NodePool } from '../domain/cluster.ts';
import type { Problem } from '../domain/problem.ts';
import { digestParts, digestText } from '../support/digest.ts';
import { parseDefaults } from './config-defaults.ts';
import { effectiveItems, withPoolSecrets } from './config-items.ts';
import type { ConfigurationTree } from './configuration-tree.ts';
import type { GoStruct, GoValue } from './gotemplate/value.ts';
import { type ManifestSummary, summariseManifest } from './manifest-summary.ts';
import { LazyEntries, lookedUpValues } from './recorded-lookups.ts';
import type { RenderInput } from './render-input.ts';
import type { Noted, RepeatedKey } from './repeated-keys.ts';
import { redactorOf } from './secrets.ts';
import { outputReferences, referencedOutputs } from './stack-outputs.ts';
import { emptyStack, parseStackTemplate, type StackFileResult } from './stack-template.ts';
import { type ClusterAround, ClusterData, type ConfigItems, templateDot } from './template-data.ts';
import { RenderingError, type TemplateFile } from './template-file.ts';
import { TemplateInputs } from './template-inputs.ts';
import { maxProblems, TemplateRun } from './template-run.ts';
import { defaultsMemo, manifestMemo, stackMemo } from './unit-memos.ts';

function around({ cluster, account, accountClusters }: RenderInput): ClusterAround {
  return { account, accountClusters: accountClusters ?? [cluster] };
}

/** What is the same for all units of one cluster at one commit: its effective config items and the data of its templates. */
export class ClusterContext {
  readonly tree: ConfigurationTree;
  readonly input: RenderInput;
  readonly run: TemplateRun;
  /** Data of every template that is not of a pool. */
  readonly inputs: TemplateInputs;
  /** Data of the cluster's own stack and of etcd's: as others, without outputs of the cluster stack. */
  readonly stackInputs: TemplateInputs;
  /** Ciphertexts that have to be decrypted before anything can render. */
  readonly missingSecrets: readonly string[];
  readonly redact: (text: string) => string;
  readonly #warnings = new Map<string, Problem>();
  readonly #data: ClusterData;
  readonly #items: ConfigItems;
  readonly #secretPaths: ReadonlySet<string>;

  constructor(tree: ConfigurationTree, input: RenderInput) {
    this.tree = tree;
    this.input = input;
    this.run = new TemplateRun(tree, input, (file) => this.manifest(file));
    const plaintexts = input.secrets ?? new Map<string, string>();
    const defaults = this.#defaults();
    const effective = effectiveItems(defaults.items, defaults.token, input.cluster, plaintexts);
    this.missingSecrets = effective.missing;
    this.redact = redactorOf(effective.secrets);
    this.#items = effective.items;
    this.#secretPaths = effective.secretPaths;
    const cluster = withPoolSecrets(input.cluster, plaintexts);
    this.#data = new ClusterData(cluster, effective.items, effective.token, around(input));
    this.inputs = this.#inputsWith(this.#values({}, { outputs: true }), null);
    this.stackInputs = this.#inputsWith(this.#values(), null, this.inputs);
  }

  /** The effective config items: defaults, and what the registry says. */
  get items(): ConfigItems {
    return this.#items;
  }

  /** Version of Kubernetes that the configuration names, if it names one. */
  get kubernetesVersion(): string | undefined {
    return this.#items['kubernetes_version'];
  }

  /** What a manifest renders to, without its objects. */
  manifest(file: TemplateFile, inputs: TemplateInputs = this.inputs): ManifestSummary {
    const result = this.run.evaluate(manifestMemo, file, inputs, (text) => {
      const summarised = summariseManifest(text);
      if (!summarised.ok) throw new RenderingError(this.run.placed(file, inputs, summarised.problems));
      const { repeated, ...summary } = summarised.summary;
      return { ...summary, ...this.noted(file, inputs, repeated) };
    });
    return this.heard(result);
  }

  stack(file: TemplateFile, inputs: TemplateInputs): StackFileResult {
    const result = this.run.evaluate(stackMemo, file, inputs, (text) => {
      if (text.trim() === '') return emptyStack;
      const parsed = parseStackTemplate(text);
      if (!parsed.ok) throw new RenderingError(this.run.placed(file, inputs, parsed.problems));
      const refers = referencedOutputs(text).length > 0;
      const noted = this.noted(file, inputs, parsed.repeated);
      return { ...parsed.summary, text: digestText(text), refers, empty: false, ...noted };
    });
    return this.heard(result);
  }

  /** What is to be said of a file, for the result that is kept of it. */
  noted(file: TemplateFile, inputs: TemplateInputs, repeated: readonly RepeatedKey[]): Noted {
    return repeated.length === 0 ? {} : { warnings: this.run.repetitions(file, inputs, repeated) };
  }

  /** Keeps what is to be said of a file, each thing once, and answers the result. */
  heard<Result extends Noted>(result: Result): Result {
    for (const warning of result.warnings ?? []) {
      const { file, line, message } = warning;
      if (this.#warnings.size < maxProblems) this.#warnings.set(`${file}:${line ?? ''}:${message}`, warning);
    }
    return result;
  }

  /** Of everything that has been rendered: what is no fault, and somebody should know. */
  get warnings(): readonly Problem[] {
    return [...this.#warnings.values()];
  }

  /** Data of a pool's templates, with what earlier templates of the pool have made for later ones. */
  poolInputs(pool: NodePool, values: Readonly<Record<string, GoValue>>): TemplateInputs {
    const zones = pool.configItems['availability_zones'] ?? this.#items['availability_zones'];
    const entries = this.#values(
      {
        supports_t2_unlimited: pool.instanceTypes.every((type) => type.startsWith('t2.')),
        ...values,
      },
      {
        outputs: true,
        instanceTypes: pool.instanceTypes,
        ...(zones === undefined || zones === '' ? {} : { zones: zones.split(',') }),
      },
    );
    return this.#inputsWith(entries, this.#data.pools.get(pool.name) as GoStruct, this.inputs);
  }

  /** Data of the etcd stack, which may name the files that its nodes fetch. */
  etcdInputs(values: Readonly<Record<string, GoValue>>): TemplateInputs {
    return this.#inputsWith(this.#values(values), null, this.inputs);
  }

  #inputsWith(values: ReadonlyMap<string, GoValue>, pool: GoStruct | null, shared?: TemplateInputs): TemplateInputs {
    return new TemplateInputs(
      templateDot(this.#data.cluster, values, pool),
      (question) => this.run.outside(question),
      shared === undefined ? { secretPaths: this.#secretPaths } : { shared },
    );
  }

  #values(
    own: Readonly<Record<string, GoValue>> = {},
    from: { outputs?: boolean; instanceTypes?: readonly string[]; zones?: readonly string[] } = {},
  ): LazyEntries {
    const { apiServerUrl } = this.input.cluster;
    const host = URL.canParse(apiServerUrl) ? new URL(apiServerUrl).hostname : '';
    const etcdInstanceType = this.#items['etcd_instance_type'];
    const makers = lookedUpValues(this.run.lookups, {
      vpcId: this.#items['vpc_id'] ?? '',
      apiServerHost: host,
      ...(from.zones === undefined ? {} : { zones: from.zones }),
      ...(from.instanceTypes === undefined ? {} : { instanceTypes: from.instanceTypes }),
      ...(etcdInstanceType === undefined ? {} : { etcdInstanceType }),
    });
    if (from.outputs === true) makers.set('ClusterStackOutputs', () => outputReferences(this.#outputNames()));
    return new LazyEntries(Object.entries({ hosted_zone: host.slice(host.indexOf('.') + 1), ...own }), makers);
  }

  #outputNames(): readonly string[] {
    const file = this.tree.clusterStack;
    return file === undefined ? [] : this.stack(file, this.stackInputs).outputs;
  }

  /** The defaults see the cluster without any config item, as in the original. Later sources override earlier ones. */
  #defaults(): { items: ConfigItems; token: string } {
    const { cluster } = this.input;
    const bare = { ...cluster, configItems: {}, nodePools: cluster.nodePools };
    const data = new ClusterData(bare, {}, 'defaults', around(this.input));
    const inputs = new TemplateInputs(templateDot(data.cluster, new Map(), null), (question) =>
      this.run.outside(question),
    );
    const items: Record<string, string> = {};
    const tokens: string[] = [];
    for (const file of this.tree.defaults) {
      const result = this.run.evaluate(defaultsMemo, file, inputs, (text) => {
        const parsed = parseDefaults(text);
        if (!parsed.ok) throw new RenderingError(this.run.placed(file, inputs, parsed.problems));
        return { items: parsed.items, text: digestText(text) };
      });
      Object.assign(items, result.items);
      tokens.push(result.text);
    }
    return { items, token: digestParts(tokens) };
  }
}
