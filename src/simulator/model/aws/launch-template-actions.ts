import { AwsError, page } from './aws-request.ts';
import type { ActionTable, Call } from './cloud.ts';
import {
  addTemplateVersion,
  createTemplate,
  deleteTemplate,
  findTemplate,
  specifiedTags,
  templateVersion,
  templateView,
  versionView,
} from './launch-templates.ts';
import type { LaunchTemplate } from './resources.ts';

const badToken = (): AwsError => new AwsError('InvalidNextToken', 'The specified token is not valid.');

function named(call: Call): LaunchTemplate {
  return findTemplate(call.state, call.params.text('LaunchTemplateId'), call.params.text('LaunchTemplateName'));
}

function requiredData(call: Call): Record<string, unknown> {
  const data = call.params.structure('LaunchTemplateData');
  if (data) return data.raw;
  throw new AwsError('MissingParameter', 'The request must contain the parameter LaunchTemplateData');
}

function createVersion(call: Call): Record<string, unknown> {
  const { cloud, params } = call;
  const template = named(call);
  const sourceNumber = params.text('SourceVersion');
  const source = sourceNumber === undefined ? undefined : templateVersion(template, sourceNumber);
  if (sourceNumber !== undefined && source === undefined) {
    throw new AwsError(
      'InvalidLaunchTemplateId.VersionNotFound',
      `Could not find the specified version ${sourceNumber} for the launch template with ID ${template.id}.`,
    );
  }
  const data = { ...(source?.data ?? {}), ...requiredData(call) };
  const version = addTemplateVersion(template, cloud.now(), data, params.text('VersionDescription'));
  return { LaunchTemplateVersion: versionView(call, template, version) };
}

function describeTemplates(call: Call): Record<string, unknown> {
  const { state, params } = call;
  const ids = params.texts('LaunchTemplateIds');
  const names = params.texts('LaunchTemplateNames');
  const all =
    ids.length + names.length > 0
      ? [
          ...ids.map((id) => findTemplate(state, id, undefined)),
          ...names.map((name) => findTemplate(state, undefined, name)),
        ]
      : [...state.templates.values()];
  const filters = params
    .items('Filters')
    .map((filter) => ({ name: filter.required('Name'), values: filter.texts('Values') }));
  const wanted = all.filter((template) =>
    filters.every(({ name, values }) => {
      if (name === 'launch-template-name') return values.includes(template.name);
      if (name === 'tag-key') return values.some((value) => template.tags.has(value));
      if (name.startsWith('tag:')) return values.includes(template.tags.get(name.slice(4)) ?? '\0');
      throw new AwsError('InvalidParameterValue', `The filter '${name}' is invalid`);
    }),
  );
  const { items, next } = page(wanted, {
    size: params.bounded('MaxResults', 1, 200) ?? 200,
    token: params.text('NextToken'),
    badToken,
  });
  return {
    LaunchTemplates: items.map((template) => templateView(call, template)),
    ...(next === undefined ? {} : { NextToken: next }),
  };
}

function describeVersions(call: Call): Record<string, unknown> {
  const { state, params } = call;
  const wantedVersions = params.texts('Versions');
  const everywhere = !params.has('LaunchTemplateId') && !params.has('LaunchTemplateName');
  if (everywhere && wantedVersions.length === 0) {
    throw new AwsError(
      'MissingParameter',
      'You must specify either a launch template ID or a launch template name, or $Latest, $Default or both as versions.',
    );
  }
  const templates = everywhere ? [...state.templates.values()] : [named(call)];
  const from = params.integer('MinVersion') ?? 0;
  const to = params.integer('MaxVersion') ?? Number.MAX_SAFE_INTEGER;
  const views = templates.flatMap((template) => {
    if (wantedVersions.length === 0) {
      return [...template.versions]
        .reverse()
        .filter((version) => version.number >= from && version.number <= to)
        .map((version) => versionView(call, template, version));
    }
    return wantedVersions.map((number) => {
      const version = templateVersion(template, number);
      if (version) return versionView(call, template, version);
      throw new AwsError(
        'InvalidLaunchTemplateId.VersionNotFound',
        `Could not find the specified version ${number} for the launch template with ID ${template.id}.`,
      );
    });
  });
  const { items, next } = page(views, {
    size: params.bounded('MaxResults', 1, 200) ?? 200,
    token: params.text('NextToken'),
    badToken,
  });
  return { LaunchTemplateVersions: items, ...(next === undefined ? {} : { NextToken: next }) };
}

export const launchTemplateActions: ActionTable = {
  CreateLaunchTemplate: (call) => {
    const { cloud, state, params } = call;
    const template = createTemplate(state, cloud.now(), {
      name: params.required('LaunchTemplateName'),
      data: requiredData(call),
      description: params.text('VersionDescription'),
      tags: specifiedTags(params.items('TagSpecifications'), 'launch-template'),
    });
    return { LaunchTemplate: templateView(call, template) };
  },
  CreateLaunchTemplateVersion: createVersion,
  ModifyLaunchTemplate: (call) => {
    const template = named(call);
    const wanted = call.params.text('DefaultVersion');
    if (wanted !== undefined) {
      const version = templateVersion(template, wanted);
      if (!version) {
        throw new AwsError(
          'InvalidLaunchTemplateId.VersionNotFound',
          `Could not find the specified version ${wanted} for the launch template with ID ${template.id}.`,
        );
      }
      template.defaultVersion = version.number;
    }
    return { LaunchTemplate: templateView(call, template) };
  },
  DeleteLaunchTemplate: (call) => {
    const template = named(call);
    deleteTemplate(call.state, template.id);
    return { LaunchTemplate: templateView(call, template) };
  },
  DescribeLaunchTemplates: describeTemplates,
  DescribeLaunchTemplateVersions: describeVersions,
};
