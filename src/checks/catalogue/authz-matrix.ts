import { parse } from 'yaml';
import { z } from 'zod';
import type { CheckContext } from '../contract.ts';
import { CheckFailed, defineCheck } from '../contract.ts';
import { configMaps, subjectAccessReviews } from '../resources.ts';

const list = z.array(z.string()).min(1);
const rows = z.array(
  z.strictObject({
    name: z.string(),
    user: z.string().optional(),
    groups: z.array(z.string()).default([]),
    verbs: list,
    resources: list,
    namespaces: z.array(z.string()).default(['']),
    expect: z.enum(['allowed', 'denied']),
    reason: z.string().optional(),
  }),
);

const namedAtMost = 5;
const mostCells = 2_000;

interface Cell {
  name: string;
  user: string | undefined;
  groups: string[];
  verb: string;
  resource: string;
  namespace: string;
  expect: 'allowed' | 'denied';
  reason: string | undefined;
}

/** The table is a ConfigMap of the cluster: `e2e_authz_table` is `namespace/name/key`. */
async function readTable(context: CheckContext): Promise<string | undefined> {
  const inline = context.settings.get('authz_rules');
  if (inline !== undefined) return inline;
  const [namespace = '', name = '', key = 'rules.yaml'] = (context.settings.get('authz_table') ?? '').split('/');
  if (name === '') return undefined;
  const found = await context.kube.get(configMaps, namespace, name);
  return (found?.data as Record<string, string> | undefined)?.[key];
}

function expand(table: string): Cell[] {
  const cells: Cell[] = [];
  for (const row of rows.parse(parse(table))) {
    const { name, user, groups, expect, reason } = row;
    for (const namespace of row.namespaces)
      for (const resource of row.resources)
        for (const verb of row.verbs) cells.push({ name, user, groups, verb, resource, namespace, expect, reason });
  }
  return cells;
}

/** `deployments.apps/scale` → group apps, resource deployments, subresource scale. */
function attributesOf(cell: Cell): Record<string, string> {
  const [named = '', subresource] = cell.resource.split('/');
  const dot = named.indexOf('.');
  return {
    verb: cell.verb,
    resource: dot < 0 ? named : named.slice(0, dot),
    group: dot < 0 ? '' : named.slice(dot + 1),
    namespace: cell.namespace,
    ...(subresource === undefined ? {} : { subresource }),
  };
}

async function wrongIn(context: CheckContext, cell: Cell): Promise<string | undefined> {
  const review = await context.kube.create(subjectAccessReviews, {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    metadata: { name: '' },
    spec: {
      ...(cell.user === undefined ? {} : { user: cell.user }),
      groups: cell.groups,
      resourceAttributes: attributesOf(cell),
    },
  });
  const status = (review.status ?? {}) as { allowed?: boolean; reason?: string };
  const found = status.allowed === true ? 'allowed' : 'denied';
  if (found !== cell.expect) return `is ${found}, not ${cell.expect}`;
  if (cell.reason !== undefined && !(status.reason ?? '').includes(cell.reason)) {
    return `is ${found} for the reason '${status.reason ?? ''}', which does not say '${cell.reason}'`;
  }
  return undefined;
}

/** Catalogue row 7. */
export const authzMatrix = defineCheck({
  id: 'security.authz-matrix',
  title: 'Who may do what is as the table of rules says, cell by cell',
  area: 'security',
  withinMs: 5 * 60_000,
  expectedMs: 5_000,
  async plan(context) {
    if ((await readTable(context)) !== undefined) return undefined;
    return { code: 'CONFIG_MISSING', message: 'e2e_authz_table names no ConfigMap with rules (namespace/name/key)' };
  },
  async run(context) {
    let cells: Cell[];
    try {
      cells = expand((await readTable(context)) ?? '');
    } catch (error) {
      throw new CheckFailed(
        `the table of rules cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
    if (cells.length === 0) throw new CheckFailed('the table of rules is empty: it proves nothing');
    if (cells.length > mostCells) throw new CheckFailed(`${cells.length} cells are too many, at most ${mostCells}`);
    const wrong: string[] = [];
    for (const cell of cells) {
      context.signal.throwIfAborted();
      const where = cell.namespace === '' ? '' : ` in ${cell.namespace}`;
      const text = `${cell.name}: ${cell.verb} ${cell.resource}${where}`;
      const problem = await wrongIn(context, cell);
      context.note(text, problem === undefined ? 'pass' : 'fail', problem);
      if (problem !== undefined) wrong.push(`${text} ${problem}`);
    }
    context.measure('cells_failed', wrong.length);
    if (wrong.length > 0) {
      const more = wrong.length > namedAtMost ? ` and ${wrong.length - namedAtMost} more` : '';
      throw new CheckFailed(
        `${wrong.length} of ${cells.length} cells: ${wrong.slice(0, namedAtMost).join('; ')}${more}`,
      );
    }
    return `${cells.length} cells as the table says`;
  },
});
