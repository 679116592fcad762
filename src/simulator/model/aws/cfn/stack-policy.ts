/** Stack policies: what an update may do to which resources. */
import { AwsError } from '../aws-request.ts';

export type PolicyAction = 'Update:Modify' | 'Update:Replace' | 'Update:Delete';

interface Statement {
  allows: boolean;
  actions: string[];
  resources: string[];
  /** The statement holds for all but `resources`. */
  inverted: boolean;
  types: string[];
}

function texts(value: unknown): string[] {
  return (Array.isArray(value) ? value : value === undefined ? [] : [value]).map(String);
}

function malformed(why: string): AwsError {
  return new AwsError('ValidationError', `Error validating stack policy: ${why}`);
}

/** @throws AwsError ValidationError for what is no policy */
export function parsePolicy(body: string): Statement[] {
  let raw: unknown;
  try {
    raw = JSON.parse(body);
  } catch {
    throw malformed('the policy is not valid JSON');
  }
  const statements = (raw as { Statement?: unknown } | null)?.Statement;
  if (!Array.isArray(statements) || statements.length === 0) throw malformed('Statement must be a list');
  return (statements as unknown[]).map((each) => {
    if (typeof each !== 'object' || each === null) throw malformed('every statement must be an object');
    const statement = each as Record<string, unknown>;
    const effect = statement['Effect'];
    if (effect !== 'Allow' && effect !== 'Deny') throw malformed('Effect must be Allow or Deny');
    const actions = texts(statement['Action']);
    const known = /^Update:(\*|Modify|Replace|Delete)$/;
    if (actions.length === 0 || actions.some((action) => !known.test(action)))
      throw malformed('Action must be Update:Modify, Update:Replace, Update:Delete or Update:*');
    const inverted = statement['NotResource'] !== undefined;
    const resources = texts(inverted ? statement['NotResource'] : statement['Resource']);
    if (resources.length === 0) throw malformed('Resource or NotResource must be given');
    return { allows: effect === 'Allow', actions, resources, inverted, types: typesOf(statement['Condition']) };
  });
}

function typesOf(condition: unknown): string[] {
  const fields = (condition ?? {}) as Record<string, { ResourceType?: unknown } | undefined>;
  return texts((fields['StringEquals'] ?? fields['StringLike'])?.ResourceType);
}

function glob(pattern: string, text: string): boolean {
  const source = pattern.split('*').map((part) => part.replace(/[.+^${}()|[\]\\?]/g, '\\$&'));
  return new RegExp(`^${source.join('.*')}$`).test(text);
}

/** Why the policy does not let this happen, undefined when it does: a deny wins, and nothing is allowed unsaid. */
export function policyRefusal(
  body: string,
  action: PolicyAction,
  resource: { logicalId: string; type: string },
): string | undefined {
  const applying = parsePolicy(body).filter((statement) => {
    if (!statement.actions.some((each) => each === action || each === 'Update:*')) return false;
    if (statement.types.length > 0 && !statement.types.some((type) => glob(type, resource.type))) return false;
    const named = statement.resources.some((each) =>
      glob(each.replace(/^LogicalResourceId\//, ''), resource.logicalId),
    );
    return named !== statement.inverted;
  });
  if (applying.length > 0 && applying.every((statement) => statement.allows)) return undefined;
  const why = applying.some((statement) => !statement.allows) ? 'A statement denies' : 'No statement allows';
  return `Action denied by stack policy: ${why} [${action}] for resource [LogicalResourceId/${resource.logicalId}]`;
}
