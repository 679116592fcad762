import { type Condition, conditionOf, type Node, withCondition } from '../kube/kinds.ts';
import { stamp } from '../kube/object.ts';
import type { Process, Program } from '../kube/process.ts';
import type { ResourceDefinition } from '../kube/resource-definition.ts';
import { Addon, type AddonContext } from './addon.ts';

const fine: readonly { type: string; reason: string; message: string }[] = [
  { type: 'KernelDeadlock', reason: 'KernelHasNoDeadlock', message: 'kernel has no deadlock' },
  { type: 'ReadonlyFilesystem', reason: 'FilesystemIsNotReadOnly', message: 'Filesystem is not read-only' },
];

/** node-problem-detector: conditions of the nodes that it runs on, as the scenario has them. */
export class NodeProblems extends Addon {
  readonly name = 'node-problem-detector';
  readonly images = ['node-problem-detector'];
  readonly #nodes: ResourceDefinition;
  readonly #watched = new Map<string, Process>();

  constructor(ctx: AddonContext) {
    super(ctx, 'node-problem-detector');
    this.#nodes = ctx.core.resources.find('', 'v1', 'nodes') as ResourceDefinition;
  }

  override program(): Program {
    const base = super.program();
    return {
      ...base,
      start: (process) => {
        this.#watched.set(process.node, process);
        base.start?.(process);
      },
    };
  }

  protected watch(): void {
    // The kubelet's own report of a node that comes up leaves ours out.
    this.onChange('nodes', (object, type) => {
      if (type === 'DELETED') this.#watched.delete(object.metadata.name);
      const lost = conditionOf((object as Node).status.conditions, 'KernelDeadlock') === undefined;
      return lost && this.#watched.has(object.metadata.name) ? [object.metadata.name] : [];
    });
  }

  protected resync(): void {
    for (const node of this.#watched.keys()) this.enqueue(node);
  }

  protected sync(name: string): void {
    const node = this.ctx.core.store.typed<Node>('nodes').get(undefined, name);
    if (!node || this.#watched.get(name)?.serving() !== true) return;
    const { nodeProblems } = this.ctx.runtime.faults.values;
    const problems = [...(nodeProblems[name] ?? []), ...(nodeProblems['*'] ?? [])];
    const now = stamp(this.ctx.core.clock.now());
    let conditions = node.status.conditions;
    for (const { type, reason, message } of fine) {
      const bad = problems.includes(type);
      const next: Condition = bad
        ? { type, status: 'True', reason: 'ProblemDetected', message: `${type} on ${name}` }
        : { type, status: 'False', reason, message };
      if (conditionOf(conditions, type)?.status !== next.status) conditions = withCondition(conditions, next, now);
    }
    if (conditions !== node.status.conditions && conditions)
      this.ctx.writer.setStatus(this.#nodes, node, { ...node.status, conditions });
  }
}
