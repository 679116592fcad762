/** CloudFormation's requests about stacks. */
import { AwsError, type Params } from '../aws-request.ts';
import type { ActionTable, Call } from '../cloud.ts';
import type { RegionState } from '../region-state.ts';
import { findStack } from './find-stack.ts';
import { planOf } from './plan.ts';
import { resourceCatalogue } from './resource-catalogue.ts';
import { isInProgress, isUpdatable, type Stack, type StackDefinition } from './stack.ts';
import { parsePolicy } from './stack-policy.ts';
import { parseTemplate, type Template } from './template.ts';

const bodyLimit = 51_200;
const urlLimit = 1_048_576;
const tokensKept = 50;

export function fail(message: string): never {
  throw new AwsError('ValidationError', message);
}

export function noSuchStack(name: string): AwsError {
  return new AwsError('ValidationError', `Stack with id ${name} does not exist`);
}

export function existingStack(state: RegionState, nameOrId: string): Stack {
  const stack = findStack(state, nameOrId);
  if (stack && stack.status !== 'DELETE_COMPLETE') return stack;
  throw noSuchStack(nameOrId);
}

/** A template stored in S3 under the path-style or virtual-host URL. */
export type TemplateFetch = (state: RegionState, url: string) => string | undefined;

export function templateBody(call: Call, fetch: TemplateFetch, previous?: Stack): string {
  const { params, state } = call;
  const body = params.text('TemplateBody');
  const url = params.text('TemplateURL');
  if (body !== undefined && url !== undefined) fail('You must not specify both TemplateBody and TemplateURL.');
  if (body !== undefined) {
    if (Buffer.byteLength(body) > bodyLimit) {
      fail(
        `1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to ${bodyLimit}`,
      );
    }
    return body;
  }
  if (url !== undefined) {
    const stored = fetch(state, url);
    if (stored === undefined)
      return fail(
        `S3 error: The specified key does not exist. For more information check http://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html (${url})`,
      );
    if (Buffer.byteLength(stored) > urlLimit) fail(`Template may not exceed ${urlLimit} bytes in size.`);
    return stored;
  }
  if (previous && params.flag('UsePreviousTemplate') === true) return previous.definition.body;
  return fail('Either Template URL or Template Body must be specified.');
}

const iamTypes =
  /^AWS::IAM::(?:Role|User|Group|Policy|RolePolicy|ManagedPolicy|InstanceProfile|AccessKey|UserToGroupAddition)$/;
const namedIam = ['RoleName', 'UserName', 'GroupName', 'ManagedPolicyName', 'InstanceProfileName'];

/** What the caller must acknowledge for this template. */
export function requiredCapabilities(template: Template): { capability?: string; types: string[] } {
  const types = new Set<string>();
  let named = false;
  for (const resource of template.resources.values()) {
    if (!iamTypes.test(resource.type)) continue;
    types.add(resource.type);
    if (namedIam.some((property) => resource.properties[property] !== undefined)) named = true;
  }
  if (types.size === 0) return { types: [] };
  return { capability: named ? 'CAPABILITY_NAMED_IAM' : 'CAPABILITY_IAM', types: [...types] };
}

function readParameters(params: Params, template: Template, previous?: Stack): Map<string, string> {
  const values = new Map<string, string>();
  for (const each of params.items('Parameters')) {
    const key = each.required('ParameterKey');
    if (each.flag('UsePreviousValue') === true) {
      const before = previous?.definition.parameters.get(key);
      if (before !== undefined) values.set(key, before);
      else if (!previous || !template.parameters.has(key))
        fail(
          `Invalid input for parameter key ${key}. Cannot specify usePreviousValue as true for a parameter key not in the previous template`,
        );
      continue;
    }
    values.set(key, each.text('ParameterValue') ?? '');
  }
  return values;
}

/** Reads template, parameters, tags and capabilities of a request, with all that is refused before anything starts. */
export function readDefinition(call: Call, fetch: TemplateFetch, previous?: Stack): StackDefinition {
  const { params } = call;
  const body = templateBody(call, fetch, previous);
  const template = parseTemplate(body);
  const unknown = new Set(
    [...template.resources.values()].map(({ type }) => type).filter((type) => !resourceCatalogue.has(type)),
  );
  const foreign = [...unknown].filter((type) => !/^(AWS|Custom|Alexa)::/.test(type));
  if (foreign.length > 0) fail(`Template format error: Unrecognized resource types: [${foreign.join(', ')}]`);
  const capabilities = params.texts('Capabilities');
  const { capability } = requiredCapabilities(template);
  const granted =
    capability === undefined || capabilities.includes('CAPABILITY_NAMED_IAM') || capabilities.includes(capability);
  if (!granted) throw new AwsError('InsufficientCapabilitiesException', `Requires capabilities : [${capability}]`);
  if (capabilities.length > 0 && capabilities.some((each) => !/^CAPABILITY_(IAM|NAMED_IAM|AUTO_EXPAND)$/.test(each))) {
    fail(
      `1 validation error detected: Value '[${capabilities.join(', ')}]' at 'capabilities' failed to satisfy constraint: Member must satisfy enum value set`,
    );
  }
  const tags = new Map<string, string>();
  for (const tag of params.items('Tags')) {
    const key = tag.required('Key');
    if (key.startsWith('aws:')) fail(`Tag key ${key} uses the reserved prefix aws:`);
    tags.set(key, tag.text('Value') ?? '');
  }
  return {
    body,
    template,
    parameters: readParameters(params, template, previous),
    tags: previous && !params.has('Tags') ? previous.definition.tags : tags,
    capabilities,
  };
}

function requestText(call: Call): string {
  const { ClientRequestToken: _token, ...rest } = call.params.raw;
  return JSON.stringify([call.request.action, rest]);
}

/** True when this very request came before with the same token. @throws TokenAlreadyExistsException for another one */
function isResend(call: Call, stack: Stack | undefined): boolean {
  const token = call.params.text('ClientRequestToken');
  if (token === undefined || !stack) return false;
  const known = stack.tokens.get(token);
  if (known === undefined) return false;
  if (known === requestText(call)) return true;
  throw new AwsError('TokenAlreadyExistsException', `The client request token ${token} was used for another operation`);
}

export function beginOperation(call: Call, stack: Stack): void {
  const token = call.params.text('ClientRequestToken');
  if (token === undefined) {
    delete stack.token;
    return;
  }
  if (!/^[a-zA-Z0-9][-a-zA-Z0-9]{0,127}$/.test(token)) {
    fail(
      `1 validation error detected: Value '${token}' at 'clientRequestToken' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9][-a-zA-Z0-9]*`,
    );
  }
  stack.token = token;
  stack.tokens.set(token, requestText(call));
  if (stack.tokens.size > tokensKept) stack.tokens.delete(stack.tokens.keys().next().value as string);
}

/** A new stack that has not begun. */
export function newStack(call: Call, name: string, definition: StackDefinition): Stack {
  const { cloud, params, state } = call;
  if (!/^[a-zA-Z][-a-zA-Z0-9]{0,127}$/.test(name)) {
    fail(
      `1 validation error detected: Value '${name}' at 'stackName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*`,
    );
  }
  const roleArn = params.text('RoleARN');
  const policyBody = params.text('StackPolicyBody');
  if (policyBody !== undefined) parsePolicy(policyBody);
  const timeout = params.bounded('TimeoutInMinutes', 1, 43_200);
  return {
    id: state.arn('cloudformation', `stack/${name}/${state.uuid()}`),
    name,
    status: 'REVIEW_IN_PROGRESS',
    definition,
    createdAt: cloud.now(),
    resources: new Map(),
    imports: new Set(),
    outputs: [],
    events: [],
    changeSets: new Map(),
    tokens: new Map(),
    terminationProtection: params.flag('EnableTerminationProtection') ?? false,
    disableRollback: params.flag('DisableRollback') ?? false,
    onFailure: params.oneOf('OnFailure', ['ROLLBACK', 'DELETE', 'DO_NOTHING'] as const) ?? 'ROLLBACK',
    ...(roleArn === undefined ? {} : { roleArn }),
    ...(policyBody === undefined ? {} : { policyBody }),
    ...(timeout === undefined ? {} : { timeoutMinutes: timeout }),
    signalWaits: new Map(),
    cancelRequested: false,
    operation: 0,
  };
}

function createStack(call: Call, fetch: TemplateFetch): Record<string, unknown> {
  const { cloud, params, state } = call;
  const name = params.required('StackName');
  const existing = findStack(state, name);
  if (existing && isResend(call, existing)) return { StackId: existing.id };
  const definition = readDefinition(call, fetch);
  if (existing && existing.status !== 'REVIEW_IN_PROGRESS') {
    throw new AwsError('AlreadyExistsException', `Stack [${name}] already exists`);
  }
  const stack = newStack(call, name, definition);
  planOf(state, stack, definition, stack.resources);
  beginOperation(call, stack);
  state.stacks.set(stack.id, stack);
  state.stackIds.set(name, stack.id);
  cloud.stacks.create(state, stack);
  return { StackId: stack.id };
}

/** Resources, outputs, parameters and tags as one text: equal texts = nothing to update. */
export function definitionText(definition: StackDefinition): string {
  const { template } = definition;
  return JSON.stringify([
    [...template.resources].sort(([a], [b]) => (a < b ? -1 : 1)),
    [...template.outputs].sort(([a], [b]) => (a < b ? -1 : 1)),
    template.mappings,
    template.conditions,
    [...template.parameters]
      .map(([name, declaration]) => [name, definition.parameters.get(name) ?? declaration.defaultValue ?? ''])
      .sort(),
    [...definition.tags].sort(),
  ]);
}

function updateStack(call: Call, fetch: TemplateFetch): Record<string, unknown> {
  const { cloud, params, state } = call;
  const stack = existingStack(state, params.required('StackName'));
  if (isResend(call, stack)) return { StackId: stack.id };
  if (!isUpdatable(stack.status)) fail(`Stack:${stack.id} is in ${stack.status} state and can not be updated.`);
  const definition = readDefinition(call, fetch, stack);
  planOf(state, stack, definition, stack.resources);
  if (definitionText(definition) === definitionText(stack.definition)) fail('No updates are to be performed.');
  const during = params.text('StackPolicyDuringUpdateBody');
  const policy = params.text('StackPolicyBody');
  if (during !== undefined) parsePolicy(during);
  if (policy !== undefined) parsePolicy(policy);
  beginOperation(call, stack);
  if (policy !== undefined) stack.policyBody = policy;
  delete stack.policyDuringUpdate;
  if (during !== undefined) stack.policyDuringUpdate = during;
  cloud.stacks.update(state, stack, definition);
  return { StackId: stack.id };
}

function deleteStack(call: Call): Record<string, unknown> {
  const { cloud, params, state } = call;
  const stack = findStack(state, params.required('StackName'));
  if (!stack || stack.status === 'DELETE_COMPLETE' || stack.status === 'DELETE_IN_PROGRESS') return {};
  if (stack.terminationProtection) {
    fail(`Stack [${stack.name}] cannot be deleted while TerminationProtection is enabled`);
  }
  if (isInProgress(stack.status) && stack.status.startsWith('UPDATE')) {
    fail(`Stack [${stack.id}] cannot be deleted while in status ${stack.status}`);
  }
  const retained = params.texts('RetainResources');
  if (retained.length > 0 && stack.status !== 'DELETE_FAILED') {
    fail(
      `Invalid operation on stack [${stack.id}]. RetainResources can only be given for a stack in the DELETE_FAILED state`,
    );
  }
  const foreign = retained.filter((logicalId) => !stack.resources.has(logicalId));
  if (foreign.length > 0) {
    fail(
      `The specified resources to retain must be in a valid state. Do not specify unassociated resources: [${foreign.join(', ')}]`,
    );
  }
  for (const logicalId of retained) {
    const resource = stack.resources.get(logicalId);
    if (resource) resource.deletionPolicy = 'Retain';
  }
  beginOperation(call, stack);
  cloud.stacks.delete(state, stack);
  return {};
}

/** One more signal for a resource that waits for them; anything else is refused. */
function signalResource({ cloud, params, state }: Call): Record<string, unknown> {
  const stack = existingStack(state, params.required('StackName'));
  const logicalId = params.required('LogicalResourceId');
  const id = params.required('UniqueId');
  const status = params.oneOf('Status', ['SUCCESS', 'FAILURE'] as const) ?? fail('Status is required');
  const signal = { stack: stack.id, logicalId, uniqueId: id, well: status === 'SUCCESS' };
  const refusal = cloud.stacks.signal(state, signal);
  return refusal === undefined ? {} : fail(refusal);
}

export function stackActions(fetch: TemplateFetch): ActionTable {
  return {
    CreateStack: (call) => createStack(call, fetch),
    UpdateStack: (call) => updateStack(call, fetch),
    DeleteStack: deleteStack,
    CancelUpdateStack: ({ params, state }) => {
      const stack = existingStack(state, params.required('StackName'));
      if (stack.status !== 'UPDATE_IN_PROGRESS') fail(`CancelUpdateStack cannot be called from current stack status`);
      stack.cancelRequested = true;
      for (const wait of [...stack.signalWaits.values()]) wait.cancel();
      return {};
    },
    ContinueUpdateRollback: (call) => {
      const stack = existingStack(call.state, call.params.required('StackName'));
      if (stack.status !== 'UPDATE_ROLLBACK_FAILED') {
        fail(`Stack:${stack.id} is in ${stack.status} state and can not continue rollback.`);
      }
      const skip = call.params.texts('ResourcesToSkip');
      const sound = skip.filter((logicalId) => stack.resources.get(logicalId)?.status !== 'UPDATE_FAILED');
      if (sound.length > 0)
        fail(`Resources [${sound.join(', ')}] can not be skipped: they are not in UPDATE_FAILED state.`);
      beginOperation(call, stack);
      call.cloud.stacks.continueRollback(call.state, stack, skip);
      return {};
    },
    UpdateTerminationProtection: ({ params, state }) => {
      const stack = existingStack(state, params.required('StackName'));
      stack.terminationProtection =
        params.flag('EnableTerminationProtection') ?? fail('EnableTerminationProtection is required');
      return { StackId: stack.id };
    },
    SetStackPolicy: ({ params, state }) => {
      const stack = existingStack(state, params.required('StackName'));
      const body = params.required('StackPolicyBody');
      parsePolicy(body);
      stack.policyBody = body;
      return {};
    },
    GetStackPolicy: ({ params, state }) => {
      const { policyBody } = existingStack(state, params.required('StackName'));
      return policyBody === undefined ? {} : { StackPolicyBody: policyBody };
    },
    SignalResource: (call) => signalResource(call),
    ValidateTemplate: (call) => {
      const template = parseTemplate(templateBody(call, fetch));
      const { capability, types } = requiredCapabilities(template);
      return {
        Parameters: [...template.parameters].map(([ParameterKey, each]) => ({
          ParameterKey,
          ...(each.defaultValue === undefined ? {} : { DefaultValue: each.defaultValue }),
          NoEcho: each.noEcho,
          ...(each.description === undefined ? {} : { Description: each.description }),
        })),
        ...(template.description === undefined ? {} : { Description: template.description }),
        ...(capability === undefined
          ? {}
          : {
              Capabilities: [capability],
              CapabilitiesReason: `The following resource(s) require capabilities: [${types.join(', ')}]`,
            }),
      };
    },
  };
}
