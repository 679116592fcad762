import { type Condition, withCondition } from '../../kube/kinds.ts';
import {
  canonicalJson,
  type Fields,
  fieldsOf,
  listOf,
  type SimObject,
  shownText,
  stamp,
  without,
} from '../../kube/object.ts';
import type { CallCloud } from '../../seams.ts';

export const agent = 'karpenter';
export const poolHash = 'karpenter.sh/nodepool-hash';
export const classHash = 'karpenter.k8s.aws/ec2nodeclass-hash';
const hashVersion = 'v3';
/** These are compared with what runs, not hashed. */
const selected = ['amiSelectorTerms', 'subnetSelectorTerms', 'securityGroupSelectorTerms'];

function hashOf(value: unknown): string {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (const char of canonicalJson(value)) {
    const code = char.charCodeAt(0);
    high = Math.imul(high ^ code, 2654435761);
    low = Math.imul(low ^ code, 1597334677);
  }
  return String((high >>> 0) * 0x100000 + ((low >>> 0) & 0xfffff));
}

/** What a node of the pool is made from; requirements are compared with what runs instead. */
export function poolAnnotations(pool: SimObject): Record<string, string> {
  const template = fieldsOf(fieldsOf(pool['spec'])['template']);
  const hash = hashOf({ ...template, spec: without(fieldsOf(template['spec']), ['requirements']) });
  return { [poolHash]: hash, [`${poolHash}-version`]: hashVersion };
}

export function classAnnotations(nodeClass: SimObject): Record<string, string> {
  const hash = hashOf(without(fieldsOf(nodeClass['spec']), selected));
  return { [classHash]: hash, [`${classHash}-version`]: hashVersion };
}

export function conditionsOf(object: SimObject): Condition[] {
  return listOf(fieldsOf(object['status'])['conditions']) as Condition[];
}

/** The conditions with some of them as they are now, as of the object's generation. */
export function withConditions(
  object: SimObject,
  now: number,
  news: readonly (readonly [type: string, holds: boolean, reason?: string | undefined, message?: string | undefined])[],
): Condition[] {
  let conditions = conditionsOf(object);
  for (const [type, holds, reason = type, message = ''] of news) {
    const condition = { type, status: holds ? 'True' : 'False', reason, message } as Condition;
    conditions = withCondition(conditions, condition, stamp(now));
  }
  const observedGeneration = object.metadata.generation ?? 1;
  const named = new Set(news.map(([type]) => type));
  return conditions.map((each) => (named.has(each.type) ? { ...each, observedGeneration } : each));
}

function matching(items: readonly Fields[], terms: readonly Fields[], idField: string): Fields[] {
  const tagsOf = (item: Fields): Map<string, string> =>
    new Map(
      listOf(item['Tags'])
        .map(fieldsOf)
        .map((tag) => [shownText(tag['Key']), shownText(tag['Value'])]),
    );
  const fits = (item: Fields, term: Fields): boolean =>
    (term['id'] === undefined || item[idField] === term['id']) &&
    (term['name'] === undefined || item['Name'] === term['name']) &&
    Object.entries(fieldsOf(term['tags'])).every(([key, value]) => {
      const found = tagsOf(item).get(key);
      return found !== undefined && (value === '*' || found === value);
    });
  return items.filter((item) => terms.some((term) => Object.keys(term).length > 0 && fits(item, term)));
}

/** An alias (`al2023@latest`) is the newest image for the usual processors. */
function imagesFor(images: readonly Fields[], terms: readonly Fields[]): Fields[] {
  if (!terms.some((term) => term['alias'] !== undefined)) return matching(images, terms, 'ImageId');
  const usual = images.filter((image) => image['Architecture'] === 'x86_64');
  const age = (image: Fields): string => shownText(image['CreationDate']);
  return usual.sort((a, b) => age(b).localeCompare(age(a))).slice(0, 1);
}

/** What the selectors of an EC2NodeClass find in the cloud, newest image first, and whether nodes can be made of it. */
export function classStatus(nodeClass: SimObject, cloud: CallCloud, now: number): Fields {
  const spec = fieldsOf(nodeClass['spec']);
  const found = (action: string, list: string): Fields[] => {
    const reply = cloud('ec2', action, {}, agent);
    return reply.ok ? listOf(reply.result[list]).map(fieldsOf) : [];
  };
  const termsOf = (field: string): Fields[] => listOf(spec[field]).map(fieldsOf);
  const amis = imagesFor(found('DescribeImages', 'Images'), termsOf('amiSelectorTerms')).map((image) => ({
    id: image['ImageId'],
    name: image['Name'],
  }));
  const subnets = matching(found('DescribeSubnets', 'Subnets'), termsOf('subnetSelectorTerms'), 'SubnetId').map(
    (subnet) => ({ id: subnet['SubnetId'], zone: subnet['AvailabilityZone'] }),
  );
  const missing =
    amis.length === 0
      ? (['AMIsNotFound', 'AMISelector did not match any AMIs'] as const)
      : subnets.length === 0
        ? (['SubnetsNotFound', 'SubnetSelector did not match any Subnets'] as const)
        : undefined;
  const conditions = withConditions(nodeClass, now, [
    ['AMIsReady', amis.length > 0],
    ['SubnetsReady', subnets.length > 0],
    ['Ready', missing === undefined, ...(missing ?? [])],
  ]);
  return { ...fieldsOf(nodeClass['status']), amis, subnets, conditions };
}
