/** Instances outside of groups, and stopping and starting them. */
import { AwsError, type Params } from './aws-request.ts';
import type { ActionTable, Call } from './cloud.ts';
import { instanceState, instanceView, namedInstances } from './ec2-actions.ts';
import type { Subnet } from './geography.ts';
import { findTemplate, specifiedTags, templateVersion } from './launch-templates.ts';
import type { RegionState } from './region-state.ts';
import type { Ec2Instance, TemplateData } from './resources.ts';

const most = 100;
const restart: [number, number] = [8_000, 15_000];

function templateOf(
  state: RegionState,
  params: Params | undefined,
): { data: TemplateData; id: string; version: number } {
  if (!params) return { data: {}, id: '', version: 0 };
  const template = findTemplate(state, params.text('LaunchTemplateId'), params.text('LaunchTemplateName'));
  const wanted = params.text('Version') ?? '$Default';
  const version = templateVersion(template, wanted);
  if (version) return { data: version.data, id: template.id, version: version.number };
  throw new AwsError(
    'InvalidLaunchTemplateId.VersionNotFound',
    `Could not find the specified version ${wanted} for the launch template with ID ${template.id}.`,
  );
}

function subnetOf({ params, state }: Call): Subnet {
  const id = params.text('SubnetId');
  const zone = params.structure('Placement')?.text('AvailabilityZone');
  const subnet =
    id === undefined ? state.network.subnets.find((each) => (zone ?? each.zone) === each.zone) : state.subnet(id);
  if (subnet) return subnet;
  if (id !== undefined) throw new AwsError('InvalidSubnetID.NotFound', `The subnet ID '${id}' does not exist`);
  throw new AwsError('InvalidParameterValue', `Invalid availability zone: [${zone ?? ''}]`);
}

function runInstances(call: Call): Record<string, unknown> {
  const { cloud, params, state } = call;
  const least = params.bounded('MinCount', 1, most) ?? params.requiredInteger('MinCount');
  const count = params.bounded('MaxCount', least, most) ?? params.requiredInteger('MaxCount');
  const token = params.text('ClientToken');
  const known = token === undefined ? undefined : state.runTokens.get(token);
  if (known)
    return reservation(
      state,
      known.flatMap((id) => state.instances.get(id) ?? []),
    );
  const template = templateOf(state, params.structure('LaunchTemplate'));
  const subnet = subnetOf(call);
  const given = Object.fromEntries(
    ['ImageId', 'InstanceType', 'UserData'].flatMap((key) => (params.has(key) ? [[key, params.required(key)]] : [])),
  );
  const data: TemplateData = { ...template.data, ...given };
  const instances: Ec2Instance[] = [];
  for (let i = 0; i < count; i++) {
    const tags = specifiedTags(params.items('TagSpecifications'), 'instance');
    try {
      instances.push(
        cloud.fleet.launch(state, {
          data,
          templateId: template.id,
          templateVersion: template.version,
          instanceType: data.InstanceType ?? 'm1.small',
          subnet,
          tags,
          spot: params.structure('InstanceMarketOptions')?.text('MarketType') === 'spot',
        }),
      );
    } catch (error) {
      if (instances.length >= least) break;
      for (const instance of instances)
        cloud.fleet.terminate(state, instance, { code: 'Server.InternalError', message: 'The launch was undone.' });
      throw error;
    }
  }
  if (token !== undefined)
    state.runTokens.set(
      token,
      instances.map((instance) => instance.id),
    );
  return reservation(state, instances);
}

function reservation(state: RegionState, instances: readonly Ec2Instance[]): Record<string, unknown> {
  return {
    ReservationId: `r-${instances[0]?.id.slice(2) ?? ''}`,
    OwnerId: state.account,
    Groups: [],
    Instances: instances.map((instance) => instanceView(state, instance)),
  };
}

function stopOrStart(call: Call, key: string, act: (instance: Ec2Instance) => void): Record<string, unknown> {
  const instances = namedInstances(call);
  if (!instances) throw new AwsError('MissingParameter', 'The request must contain the parameter InstanceId');
  for (const instance of instances) {
    if (instance.state !== 'shutting-down' && instance.state !== 'terminated') continue;
    const message = `The instance '${instance.id}' is not in a state from which it can be started or stopped.`;
    throw new AwsError('IncorrectInstanceState', message);
  }
  return {
    [key]: instances.map((instance) => {
      const PreviousState = instanceState(instance);
      act(instance);
      return { InstanceId: instance.id, PreviousState, CurrentState: instanceState(instance) };
    }),
  };
}

export const runActions: ActionTable = {
  RunInstances: runInstances,
  StopInstances: (call) =>
    stopOrStart(call, 'StoppingInstances', (instance) => {
      call.cloud.fleet.stop(call.state, instance);
      call.cloud.groups.instanceStopping(call.state, instance);
    }),
  StartInstances: (call) =>
    stopOrStart(call, 'StartingInstances', (instance) =>
      call.cloud.fleet.start(call.state, instance, call.cloud.draw(call.state, restart)),
    ),
};
