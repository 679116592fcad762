import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { AwsService } from '../../../src/simulator/model/aws/aws-request.ts';
import { SimulatedCloud } from '../../unit/simulator-aws/simulated-cloud.ts';
import type { Coverage } from './difference.ts';

const services: readonly AwsService[] = [
  'autoscaling',
  'ec2',
  'elasticloadbalancing',
  'elasticloadbalancingv2',
  'cloudformation',
  'sts',
  's3',
  'kms',
  'eks',
];

/** `service:Action`, all that is answered. */
export function servedAwsActions(): string[] {
  const { model } = new SimulatedCloud();
  return services.flatMap((service) => model.actionsOf(service).map((action) => `${service}:${action}`));
}

const root = resolve(import.meta.dirname, '../../..');
const folders = ['test/unit/simulator-aws', 'test/integration/simulator-aws'];
/** Noise is no test of what an action does. */
const noise = 'mutated-requests.test.ts';

function testTexts(): [string, string][] {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((file) => file.endsWith('.test.ts') && file !== noise)
      .map((file): [string, string] => [`${folder}/${file}`, readFileSync(join(root, folder, file), 'utf8')]),
  );
}

/** How tests call an action: by its name, as a command of the SDK, or as the AWS CLI spells it. */
function spellings(action: string): string[] {
  const kebab = action.replace(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase();
  return [`'${action}'`, `${action}Command`, `'${kebab}'`];
}

/** For each action that some test calls, the test's file and the call in it. */
export function awsCoverage(): Record<string, Coverage> {
  const texts = testTexts();
  const found: Record<string, Coverage> = {};
  for (const served of servedAwsActions()) {
    const action = served.slice(served.indexOf(':') + 1);
    for (const [test, text] of texts) {
      const title = spellings(action).find((spelling) => text.includes(spelling));
      if (title !== undefined) found[served] ??= { test, title };
    }
  }
  return found;
}
