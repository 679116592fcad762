/** A configuration repository of the size that grows over years, and a fleet for it; the same for the same arguments. */
import type { Cluster, NodePool } from '../../src/domain/cluster.ts';

const regions = ['eu-central-1', 'eu-west-1', 'us-east-1'];
const defaultsCount = 500;
const componentsCount = 55;
const manifestsCount = 250;
const poolsCount = 12;

function clusterOf(i: number): Cluster {
  const account = String(100_000_000_000 + i * 7_919);
  const region = regions[i % regions.length] as string;
  const pools = Array.from({ length: poolsCount }, (_, n): NodePool => {
    const profile = n === 0 ? 'master-default' : n % 3 === 0 ? 'worker-combined' : 'worker-splitaz';
    return {
      name: n === 0 ? 'default-master' : `worker-${n}`,
      profile,
      instanceTypes: n % 4 === 1 ? ['m5.large', 'm5a.large', 'm6i.large'] : ['m6i.2xlarge'],
      discountStrategy: n % 4 === 1 ? 'spot' : 'none',
      minSize: n === 0 ? 3 : 0,
      maxSize: 21,
      configItems: n % 2 === 0 ? {} : { labels: `dedicated=pool-${n}`, taints: `dedicated=pool-${n}:NoSchedule` },
    };
  });
  return {
    id: `aws:${account}:${region}:kube-1`,
    alias: `team-${i}`,
    localId: 'kube-1',
    infrastructureAccount: `aws:${account}`,
    region,
    provider: 'zalando-aws',
    apiServerUrl: `https://kube-1.team-${i}.example.org`,
    channel: 'dev',
    environment: i % 4 === 0 ? 'test' : 'production',
    criticalityLevel: 2,
    lifecycleStatus: 'ready',
    configItems: { vpc_id: `vpc-${i}`, [`item_${i % 40}`]: `own-${i}` },
    nodePools: pools,
  };
}

export function benchFleet(clusters: number): Cluster[] {
  return Array.from({ length: clusters }, (_, i) => clusterOf(i));
}

function defaults(): string {
  const lines: string[] = [];
  for (let i = 0; i < defaultsCount - 2; i++) {
    if (i % 10 === 0) {
      lines.push(`{{- if eq .Cluster.Environment "production" }}`, `item_${i}: "prod-${i}"`, '{{- else }}');
      lines.push(`item_${i}: "test-${i}"`, '{{- end }}');
    } else lines.push(`# what item ${i} is for`, `item_${i}: "value-${i}"`);
  }
  return `${lines.join('\n')}\nlabels: ""\ntaints: ""\n`;
}

/** Three of five manifests name the cluster somewhere, as they do where images and domains are per account or cluster. */
function manifest(n: number): string {
  const item = (offset: number): string => `{{ .Cluster.ConfigItems.item_${(n * 7 + offset) % (defaultsCount - 2)} }}`;
  const named = n % 5 < 3;
  const owner = named ? '{{ .Cluster.Alias }}' : 'platform';
  const container = (i: number): string => `
        - name: container-${i}
          image: "registry.example.org/team/component-${n}:${item(i)}"
          args:
            - --log-level=${item(1)}
            - --cluster=${owner}
            - --region={{ .Cluster.Region }}
          env:
            - {name: OWNER, value: "${owner}"}
            - {name: ACCOUNT, value: "${named ? '{{ accountID .Cluster.InfrastructureAccount }}' : 'shared'}"}
          resources:
            requests: {cpu: 25m, memory: 64Mi}
            limits: {cpu: 100m, memory: 128Mi}
          readinessProbe:
            httpGet: {path: /healthz, port: 8080}
            periodSeconds: 10`;
  const settings = Array.from(
    { length: 12 },
    (_, i) => `  key-${i}: "{{ if eq "${item(i).slice(3, -3).trim()}" "" }}a{{ else }}b{{ end }}"`,
  );
  return `{{- if ne .Cluster.ConfigItems.item_${n % 90} "off" }}
apiVersion: v1
kind: ConfigMap
metadata:
  name: component-${n}
  namespace: kube-system
data:
${settings.join('\n')}
  hash: "{{ .Cluster.ConfigItems.item_${n % 120} | sha256 }}"
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: component-${n}
  namespace: kube-system
  labels: {application: component-${n}, owner: "${owner}"}
spec:
  replicas: 2
  selector:
    matchLabels: {application: component-${n}}
  template:
    metadata:
      labels: {application: component-${n}}
    spec:
      priorityClassName: system-cluster-critical
      containers:${[0, 1].map(container).join('')}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: component-${n}, namespace: kube-system}
spec: {maxUnavailable: 1, selector: {matchLabels: {application: component-${n}}}}
{{- end }}
`;
}

function clusterStack(): string {
  const groups = Array.from(
    { length: 75 },
    (_, i) => `
  Group${i}:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: "{{ .Cluster.LocalID }} ${i}"
      VpcId: "{{ .Cluster.ConfigItems.vpc_id }}"
      SecurityGroupIngress:
        - {IpProtocol: tcp, FromPort: ${1000 + i}, ToPort: ${1000 + i}, CidrIp: 10.0.0.0/8}
      Tags:
        - {Key: Name, Value: "{{ .Cluster.LocalID }}-${i}"}
  Role${i}:
    Type: AWS::IAM::Role
    Properties:
      RoleName: "{{ .Cluster.LocalID }}-${i}"
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - {Effect: Allow, Principal: {Service: [ec2.amazonaws.com]}, Action: ["sts:AssumeRole"]}
      Policies:
        - PolicyName: all
          PolicyDocument:
            Statement:
              - {Effect: Allow, Action: ["s3:GetObject"], Resource: !Sub "arn:aws:s3:::\${AWS::AccountId}-{{ .Cluster.Alias }}/*"}`,
  );
  return `Metadata: {Tags: {Environment: "{{ .Cluster.Environment }}"}}\nResources:${groups.join('')}\nOutputs:\n  Role: {Value: !GetAtt Role0.Arn}\n`;
}

const poolStack = `Resources:
{{ range $zone := list "a" "b" "c" }}
  Group{{ $zone }}:
    Type: AWS::AutoScaling::AutoScalingGroup
    Properties:
      MinSize: "{{ $.NodePool.MinSize }}"
      MaxSize: "{{ $.NodePool.MaxSize }}"
      LaunchTemplate: {LaunchTemplateId: !Ref Template, Version: !GetAtt Template.LatestVersionNumber}
      Tags:
        - {Key: NodePool, Value: "{{ $.NodePool.Name }}", PropagateAtLaunch: true}
        - {Key: Labels, Value: "{{ $.NodePool.ConfigItems.labels }}", PropagateAtLaunch: true}
{{ end }}
  Template:
    Type: AWS::EC2::LaunchTemplate
    Properties:
      LaunchTemplateData:
        ImageId: "{{ .NodePool.ConfigItems.item_17 }}"
        InstanceType: "{{ index .NodePool.InstanceTypes 0 }}"
        UserData: "{{ .Values.UserData }}"
`;

const userData = `#cloud-config
write_files:
${Array.from({ length: 60 }, (_, i) => `- path: /etc/file-${i}\n  content: |\n    cluster={{ .Cluster.ID }}\n    setting={{ .NodePool.ConfigItems.item_${i * 3} }}\n    labels={{ .NodePool.ConfigItems.labels }}`).join('\n')}
`;

export function benchTree(): Map<string, string> {
  const tree = new Map<string, string>([
    ['config-defaults.yaml', defaults()],
    ['cluster.yaml', clusterStack()],
    ['manifests/deletions.yaml', 'pre_apply: []\npost_apply:\n  - {kind: Deployment, name: old}\n'],
  ]);
  for (const profile of ['master-default', 'worker-splitaz', 'worker-combined']) {
    tree.set(`node-pools/${profile}/stack.yaml`, poolStack);
    tree.set(`node-pools/${profile}/userdata.yaml`, userData);
  }
  for (let n = 0; n < manifestsCount; n++) {
    const component = `component-${String(n % componentsCount).padStart(2, '0')}`;
    tree.set(`manifests/${component}/file-${n}.yaml`, manifest(n));
  }
  return tree;
}

/** The same with another line in one manifest. */
export function withOneChange(tree: ReadonlyMap<string, string>): Map<string, string> {
  const path = 'manifests/component-03/file-3.yaml';
  return new Map(tree).set(path, (tree.get(path) as string).replace('replicas: 2', 'replicas: 3'));
}
