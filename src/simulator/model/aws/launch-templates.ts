import { AwsError, Params } from './aws-request.ts';
import type { Call } from './cloud.ts';
import type { RegionState } from './region-state.ts';
import type { LaunchTemplate, TemplateData, TemplateVersion } from './resources.ts';

const userDataLimit = 16_384;

/** Checks what anything here reads; the rest is kept as it is. @throws AwsError */
function checkedData(raw: Record<string, unknown>): TemplateData {
  const params = new Params(raw, 'InvalidParameterValue', 'LaunchTemplateData.');
  for (const field of ['ImageId', 'InstanceType', 'UserData', 'KeyName']) params.text(field);
  const data: TemplateData = { ...raw };
  if (params.has('SecurityGroupIds')) data.SecurityGroupIds = params.texts('SecurityGroupIds');
  if (params.has('TagSpecifications')) {
    data.TagSpecifications = params.items('TagSpecifications').map((specification) => ({
      ResourceType: specification.required('ResourceType'),
      Tags: specification.items('Tags').map((tag) => ({ Key: tag.required('Key'), Value: tag.text('Value') ?? '' })),
    }));
  }
  const userData = params.text('UserData');
  if (userData !== undefined) {
    if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(userData)) {
      throw new AwsError('InvalidUserData.Malformed', 'Invalid BASE64 encoding of user data.');
    }
    if (Math.floor((userData.length * 3) / 4) > userDataLimit + 2) {
      throw new AwsError('InvalidParameterValue', 'User data is limited to 16384 bytes');
    }
  }
  return data;
}

export function createTemplate(
  state: RegionState,
  at: number,
  input: {
    name: string;
    data: Record<string, unknown>;
    description?: string | undefined;
    tags?: Map<string, string>;
  },
): LaunchTemplate {
  if (!/^[a-zA-Z0-9().\-/_]{3,128}$/.test(input.name)) {
    throw new AwsError(
      'InvalidLaunchTemplateName.MalformedException',
      `Launch template name ${input.name} is not valid. Names are 3 to 128 letters, digits or ( ) . - / _`,
    );
  }
  if (state.templateIds.has(input.name)) {
    throw new AwsError('InvalidLaunchTemplateName.AlreadyExistsException', 'Launch template name already in use.');
  }
  const data = checkedData(input.data);
  const template: LaunchTemplate = {
    id: state.newId('lt'),
    name: input.name,
    versions: [],
    defaultVersion: 1,
    latestVersion: 0,
    createdAt: at,
    tags: input.tags ?? new Map(),
  };
  addTemplateVersion(template, at, data, input.description);
  state.templates.set(template.id, template);
  state.templateIds.set(template.name, template.id);
  return template;
}

export function addTemplateVersion(
  template: LaunchTemplate,
  at: number,
  data: Record<string, unknown>,
  description?: string,
): TemplateVersion {
  const version: TemplateVersion = {
    number: template.latestVersion + 1,
    data: checkedData(data),
    createdAt: at,
    ...(description === undefined ? {} : { description }),
  };
  template.versions.push(version);
  template.latestVersion = version.number;
  return version;
}

export function deleteTemplate(state: RegionState, id: string): void {
  const template = state.templates.get(id);
  if (template === undefined) return;
  state.templates.delete(id);
  state.templateIds.delete(template.name);
}

/** By `$Latest`, `$Default` or number. */
export function templateVersion(template: LaunchTemplate, wanted: string): TemplateVersion | undefined {
  if (wanted === '$Latest') return template.versions.find((each) => each.number === template.latestVersion);
  if (wanted === '$Default' || wanted === '') {
    return template.versions.find((each) => each.number === template.defaultVersion);
  }
  return template.versions.find((each) => String(each.number) === wanted);
}

/** @throws AwsError when there is no such template */
export function findTemplate(state: RegionState, id: string | undefined, name: string | undefined): LaunchTemplate {
  if (id !== undefined && id !== '') {
    const template = state.templates.get(id);
    if (template) return template;
    throw new AwsError(
      'InvalidLaunchTemplateId.NotFound',
      `The specified launch template, with template ID ${id}, does not exist.`,
    );
  }
  const found = name === undefined ? undefined : state.templates.get(state.templateIds.get(name) ?? '');
  if (found) return found;
  if (name === undefined)
    throw new AwsError('MissingParameter', 'Either a launch template ID or a launch template name is required.');
  throw new AwsError(
    'InvalidLaunchTemplateName.NotFoundException',
    `The specified launch template, with template name ${name}, does not exist.`,
  );
}

export function templateView(call: Call, template: LaunchTemplate): Record<string, unknown> {
  return {
    LaunchTemplateId: template.id,
    LaunchTemplateName: template.name,
    CreateTime: new Date(template.createdAt),
    CreatedBy: `arn:aws:iam::${call.state.account}:root`,
    DefaultVersionNumber: template.defaultVersion,
    LatestVersionNumber: template.latestVersion,
    Tags: [...template.tags].map(([Key, Value]) => ({ Key, Value })),
  };
}

export function versionView(call: Call, template: LaunchTemplate, version: TemplateVersion): Record<string, unknown> {
  return {
    LaunchTemplateId: template.id,
    LaunchTemplateName: template.name,
    VersionNumber: version.number,
    ...(version.description === undefined ? {} : { VersionDescription: version.description }),
    CreateTime: new Date(version.createdAt),
    CreatedBy: `arn:aws:iam::${call.state.account}:root`,
    DefaultVersion: version.number === template.defaultVersion,
    LaunchTemplateData: version.data,
  };
}

/** Tags of one TagSpecifications entry type, of a request or of launch template data. */
export function specifiedTags(specifications: readonly Params[], resourceType: string): Map<string, string> {
  const tags = new Map<string, string>();
  for (const specification of specifications) {
    if (specification.text('ResourceType') !== resourceType) continue;
    for (const tag of specification.items('Tags')) tags.set(tag.required('Key'), tag.text('Value') ?? '');
  }
  return tags;
}
