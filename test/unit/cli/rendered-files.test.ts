import { expect, it } from 'vitest';
import { renderedFiles } from '../../../src/cli/rendered-files.ts';
import { createRenderer } from '../../../src/rendering/renderer.ts';
import { renderInput } from '../../support/render-input.ts';

const planted = 'correct-horse-battery';

it('no file of a rendering holds a secret, whichever way a template took it', () => {
  const item = '.Cluster.ConfigItems.password';
  const stack = (text: string): string =>
    `Resources: {A: {Type: "AWS::S3::Bucket", Properties: {BucketName: "${text}"}}}\n`;
  const files = {
    'cluster.yaml': stack(`{{ ${item} }}-{{ ${item} | b64enc }}`),
    'node-pools/w/stack.yaml': stack('{{ .Values.UserData }}'),
    'node-pools/w/userdata.yaml': `#cloud-config\npassword: {{ ${item} }}\n`,
    'node-pools/w/files.yaml': `files: [{path: a, data: "{{ base64 ${item} }}", encrypted: true}]`,
    'manifests/a/x.yaml': `apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: "{{ ${item} | b64enc }}", b: "{{ ${item} | upper | b64enc }}"}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, labels: {p: "{{ ${item} }}"}}\n`,
  };
  const pool = {
    name: 'w',
    profile: 'w',
    instanceTypes: ['m5.large'],
    discountStrategy: 'none' as const,
    minSize: 0,
    maxSize: 1,
    configItems: {},
  };
  const input = renderInput(files, { configItems: { password: 'aws:kms:QUJD' }, nodePools: [pool] });
  const outcome = createRenderer().render({ ...input, secrets: new Map([['aws:kms:QUJD', planted]]) });
  if (!outcome.ok) throw new Error(JSON.stringify(outcome));
  const written = renderedFiles(outcome.rendered, outcome.redact);
  const texts = [...written.values()].join('\n');
  for (const form of [planted, planted.toUpperCase()])
    for (const encoded of [form, Buffer.from(form).toString('base64')]) expect(texts).not.toContain(encoded);
  expect([...written.keys()].sort()).toEqual([
    'deletions.yaml',
    'manifests/a.yaml',
    'stacks/kube-1.yaml',
    'stacks/nodepool-w-aws-123456789012-eu-central-1-kube-1.files.yaml',
    'stacks/nodepool-w-aws-123456789012-eu-central-1-kube-1.userdata',
    'stacks/nodepool-w-aws-123456789012-eu-central-1-kube-1.yaml',
    'version.json',
  ]);
  // what goes to the cloud is whole
  expect(outcome.rendered.stacks[0]?.template).toContain(planted);
  expect(texts).toContain('[redacted]');
});

it('names never lead out of the folder', () => {
  const outcome = createRenderer().render(
    renderInput({
      'cf-manifests/a.yaml': 'Metadata: {StackName: "../../x"}\nResources: {A: {Type: "AWS::S3::Bucket"}}',
    }),
  );
  if (!outcome.ok) throw new Error(JSON.stringify(outcome));
  expect([...renderedFiles(outcome.rendered, outcome.redact).keys()]).toContain('stacks/__.._x.yaml');
});
