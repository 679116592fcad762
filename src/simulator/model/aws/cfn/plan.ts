/** What a stack definition means before anything runs: parameters, conditions, order, and the scope of its functions. */
import { AwsError, plainText } from '../aws-request.ts';
import type { RegionState } from '../region-state.ts';
import { evaluateConditions, references, resolve, type Scope } from './expressions.ts';
import type { Stack, StackDefinition, StackResource } from './stack.ts';
import type { ParameterDeclaration, Template } from './template.ts';

function matchesPattern(name: string, pattern: string, value: string): boolean {
  try {
    return new RegExp(`^(?:${pattern})$`).test(value);
  } catch {
    throw new AwsError(
      'ValidationError',
      `Template format error: AllowedPattern of parameter ${name} is not a regular expression`,
    );
  }
}

function checkParameter(name: string, declaration: ParameterDeclaration, value: string): string | string[] {
  if (declaration.allowedValues && !declaration.allowedValues.includes(value)) {
    throw new AwsError('ValidationError', `Parameter '${name}' must be one of AllowedValues`);
  }
  if (declaration.allowedPattern !== undefined && !matchesPattern(name, declaration.allowedPattern, value)) {
    throw new AwsError('ValidationError', `Parameter '${name}' must match pattern ${declaration.allowedPattern}`);
  }
  if (declaration.type === 'Number' && (value.trim() === '' || !Number.isFinite(Number(value)))) {
    throw new AwsError('ValidationError', `Parameter '${name}' must be a number.`);
  }
  if (declaration.type === 'CommaDelimitedList' || declaration.type.startsWith('List<')) {
    return value === '' ? [] : value.split(',').map((each) => each.trim());
  }
  return value;
}

/** @throws AwsError for missing, unknown and invalid parameters, all of a kind named together */
export function bindParameters(template: Template, given: ReadonlyMap<string, string>): Map<string, string | string[]> {
  const unknown = [...given.keys()].filter((name) => !template.parameters.has(name));
  if (unknown.length > 0) {
    throw new AwsError('ValidationError', `Parameters: [${unknown.join(', ')}] do not exist in the template`);
  }
  const missing = [...template.parameters]
    .filter(([name, declaration]) => !given.has(name) && declaration.defaultValue === undefined)
    .map(([name]) => name);
  if (missing.length > 0) throw new AwsError('ValidationError', `Parameters: [${missing.join(', ')}] must have values`);
  const bound = new Map<string, string | string[]>();
  for (const [name, declaration] of template.parameters) {
    bound.set(name, checkParameter(name, declaration, given.get(name) ?? declaration.defaultValue ?? ''));
  }
  return bound;
}

export interface Plan {
  scope: Scope;
  /** Logical ids whose condition holds, each after all that it depends on. */
  order: string[];
}

const pseudoNames = /^AWS::/;

function dependencies(template: Template, logicalId: string): Set<string> {
  const declaration = template.resources.get(logicalId);
  const found = new Set<string>(declaration?.dependsOn ?? []);
  if (declaration) references(declaration.properties, found);
  return found;
}

function checkReferences(template: Template): void {
  const unresolved = new Set<string>();
  for (const logicalId of template.resources.keys()) {
    for (const name of dependencies(template, logicalId)) {
      if (!template.resources.has(name) && !template.parameters.has(name) && !pseudoNames.test(name))
        unresolved.add(name);
    }
  }
  if (unresolved.size > 0) {
    throw new AwsError(
      'ValidationError',
      `Template format error: Unresolved resource dependencies [${[...unresolved].join(', ')}] in the Resources block of the template`,
    );
  }
  for (const [name, output] of template.outputs) {
    for (const each of references(output.value)) {
      if (!template.resources.has(each) && !template.parameters.has(each) && !pseudoNames.test(each)) {
        throw new AwsError(
          'ValidationError',
          `Template format error: Unresolved dependencies [${each}]. Cannot reference resources in the Outputs block of the template (${name})`,
        );
      }
    }
  }
}

function topological(template: Template, active: ReadonlySet<string>): string[] {
  const order: string[] = [];
  const done = new Set<string>();
  const open = new Set<string>();
  const visit = (logicalId: string, path: string[]): void => {
    if (done.has(logicalId) || !active.has(logicalId)) return;
    if (open.has(logicalId)) {
      throw new AwsError(
        'ValidationError',
        `Circular dependency between resources: [${path.slice(path.indexOf(logicalId)).join(', ')}]`,
      );
    }
    open.add(logicalId);
    for (const name of dependencies(template, logicalId)) {
      if (name === logicalId)
        throw new AwsError('ValidationError', `Circular dependency between resources: [${logicalId}]`);
      if (template.resources.has(name)) visit(name, [...path, logicalId]);
    }
    open.delete(logicalId);
    done.add(logicalId);
    order.push(logicalId);
  };
  for (const logicalId of active) visit(logicalId, []);
  return order;
}

/** @throws AwsError ValidationError for whatever CloudFormation refuses before it starts */
export function planOf(
  state: RegionState,
  stack: Pick<Stack, 'id' | 'name' | 'imports'>,
  definition: StackDefinition,
  resources: ReadonlyMap<string, StackResource>,
): Plan {
  const { template } = definition;
  checkReferences(template);
  const base: Omit<Scope, 'conditions'> = {
    template,
    account: state.account,
    region: state.region,
    stackName: stack.name,
    stackId: stack.id,
    parameters: bindParameters(template, definition.parameters),
    refOf: (logicalId) => resources.get(logicalId)?.physicalId,
    attributeOf: (logicalId, attribute) => {
      const resource = resources.get(logicalId);
      if (!resource) return undefined;
      const value = resource.attributes[attribute];
      if (value !== undefined) return value;
      throw new AwsError(
        'ValidationError',
        `Template error: resource ${logicalId} does not support attribute type ${attribute} in Fn::GetAtt`,
      );
    },
    exportValue: (name) => {
      const value = exportNamed(state, name);
      if (value !== undefined) stack.imports.add(name);
      return value;
    },
  };
  const scope: Scope = { ...base, conditions: evaluateConditions(base) };
  const active = new Set<string>();
  for (const [logicalId, declaration] of template.resources) {
    if (declaration.condition === undefined) active.add(logicalId);
    else {
      const holds = scope.conditions.get(declaration.condition);
      if (holds === undefined) {
        throw new AwsError(
          'ValidationError',
          `Template format error: Unresolved condition dependency ${declaration.condition} in the Resources block`,
        );
      }
      if (holds) active.add(logicalId);
    }
  }
  return { scope, order: topological(template, active) };
}

function exportNamed(state: RegionState, name: string): string | undefined {
  for (const id of state.stackIds.values()) {
    const found = state.stacks.get(id)?.outputs.find((output) => output.exportName === name);
    if (found) return found.value;
  }
  return undefined;
}

/** Names of live stacks that were given this export. */
export function importersOf(state: RegionState, name: string): string[] {
  return [...state.stackIds.values()].flatMap((id) => {
    const stack = state.stacks.get(id);
    return stack?.imports.has(name) ? [stack.name] : [];
  });
}

/** Outputs of a stack whose resources exist. */
export function outputsOf(plan: Plan): Stack['outputs'] {
  const outputs: Stack['outputs'] = [];
  for (const [key, declaration] of plan.scope.template.outputs) {
    if (declaration.condition !== undefined && plan.scope.conditions.get(declaration.condition) !== true) continue;
    const value = resolve(declaration.value, plan.scope);
    const exportName = declaration.exportName === undefined ? undefined : resolve(declaration.exportName, plan.scope);
    outputs.push({
      key,
      value: Array.isArray(value) ? value.join(',') : plainText(value),
      ...(declaration.description === undefined ? {} : { description: declaration.description }),
      ...(exportName === undefined ? {} : { exportName: plainText(exportName) }),
    });
  }
  return outputs;
}
