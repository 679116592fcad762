import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { pureFunctions } from '../../../src/rendering/functions/function-table.ts';
import { executeTemplate } from '../../../src/rendering/gotemplate/evaluator.ts';
import { parseTemplate } from '../../../src/rendering/gotemplate/parser.ts';
import { GoMap, GoStruct } from '../../../src/rendering/gotemplate/value.ts';

const pool = (name: string, profile: string, items: Record<string, string>) =>
  new GoStruct('*NodePool', { Name: name, Profile: profile, ConfigItems: GoMap.ofStrings(items) });
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const data = new GoStruct('*Data', {
  Items: GoMap.ofStrings({ b: '2', a: '1' }),
  Zones: GoMap.ofStrings({ 'eu-central-1a': 's1', 'eu-central-1b': 's2', '*': 's1,s2' }),
  Nil: null,
  Pools: [
    pool('m', 'master-default', {}),
    pool('a', 'worker-splitaz', {}),
    pool('b', 'worker-combined', { labels: 'dedicated=x', taints: 'dedicated=x:NoSchedule' }),
  ],
  Cluster: new GoStruct('*Cluster', { ID: 'aws:1:r:k', LocalID: 'k', Provider: 'zalando-aws' }),
  Key: String(privateKey.export({ type: 'pkcs1', format: 'pem' })),
});

function run(text: string): string {
  return executeTemplate(parseTemplate('t', text), data, pureFunctions);
}

const groups: Record<string, [template: string, expected: string][]> = {
  'text and encodings': [
    ['{{"hé" | base64}} {{"aMOp" | base64Decode}}', 'aMOp hé'],
    ['{{sha256 "a"}}', 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb'],
    ['{{split "a,b" ","}} {{len (split "" ",")}}', '[a b] 0'],
    ['{{join "-" (list "a" 1)}} {{join "," .Nil}}', 'a-1 '],
    ['{{indent 2 "a\\nb"}}|{{nindent 1 "x"}}', '  a\n  b|\n x'],
    ['{{quote "a\\"b" 1}} {{squote "x"}}', '"a\\"b" "1" \'x\''],
    ['{{trim "  a "}}{{trimPrefix "v" "v1"}}{{trimSuffix "-" "a-"}}{{trimAll "-" "--a-"}}', 'a1aa'],
    ['{{lower "Ä"}}{{upper "b"}}{{title "ab cd"}}', 'äBAb Cd'],
    ['{{replace "." "-" "a.b.c"}} {{replace "a" "$&" "a"}}', 'a-b-c $&'],
    ['{{contains "b" "abc"}} {{hasPrefix "a" "abc"}} {{hasSuffix "a" "abc"}}', 'true true false'],
    ['{{repeat 3 "ab"}} {{substr 1 3 "hello"}} {{trunc 3 "hello"}} {{trunc -3 "hello"}}', 'ababab el hel llo'],
    ['{{default "d" ""}} {{default "d" "x"}} {{"" | default "e"}} {{empty .Nil}}', 'd x e true'],
    ['{{coalesce "" 0 "c"}} {{ternary "y" "n" true}} {{required "needed" "v"}}', 'c y v'],
    ['{{toYaml (dict "b" 1 "a" (list "x" true))}}', 'a:\n  - x\n  - true\nb: 1'],
    ['{{toJson (dict "b" 1 "a" nil)}}', '{"a":null,"b":1}'],
    ['{{(fromYaml "a: {b: [1, yes]}").a.b}} {{(fromJson "{\\"x\\": 1.5}").x}}', '[1 true] 1.5'],
  ],
  'lists, maps and numbers': [
    ['{{append (list 1) 2}} {{prepend (list 1) 0}} {{concat (list 1) (list 2)}}', '[1 2] [0 1] [1 2]'],
    [
      '{{first (list 1 2)}}{{last (list 1 2)}}{{rest (list 1 2)}}{{initial (list 1 2)}}{{reverse (list 1 2)}}',
      '12[2][1][2 1]',
    ],
    [
      '{{uniq (list 1 1 "1")}} {{has 2 (list 1 2)}} {{without (list 1 2) 1}} {{compact (list 0 1 "")}}',
      '[1 1] true [2] [1]',
    ],
    ['{{until 3}} {{untilStep 3 0 -1}} {{sortAlpha (list "b" "a")}}', '[0 1 2] [3 2 1] [a b]'],
    ['{{keys .Items}} {{values .Items}} {{hasKey .Items "a"}} {{get .Items "z"}}|', '[a b] [1 2] true |'],
    ['{{pick .Items "a"}} {{omit .Items "a"}} {{merge (dict "a" 9) .Items}}', 'map[a:1] map[b:2] map[a:9 b:2]'],
    ['{{add 1 2 3}} {{sub 5 2}} {{mul 2 "3"}} {{div 7 2}} {{mod 7 2}} {{max 1 3 2}} {{min 3 1 2}}', '6 3 6 3 1 3 1'],
    ['{{parseInt64 "42"}} {{int "7"}} {{float64 "1.5"}} {{ceil 1.2}} {{floor 1.8}}', '42 7 1.5 2 1'],
    ['{{indexedList "n-$" 3}} {{indexedList "x" 0}}', 'n-0,n-1,n-2 '],
    ['{{kindOf 1}} {{kindOf "a"}} {{kindOf .Items}} {{kindOf (list)}}', 'int string map slice'],
  ],
  'clusters and pools': [
    ['{{accountID "aws:123"}} {{getAWSAccountID "aws:9"}} {{eksID "a:b:c"}} {{awsValidID "a:b"}}', '123 9 c a__b'],
    ['{{asgSize 6 3}} {{azID "eu-central-1c"}} {{azCount .Zones}} {{mountUnitName "/mnt/a"}}', '2 1c 2 mnt-a'],
    ['{{range portRanges "1-2,80-90"}}{{.FromPort}}/{{.ToPort}} {{end}}', '1/2 80/90 '],
    [
      '{{range sgIngressRanges "10.1.2.3/8:53,udp:0.0.0.0/0:1-2"}}{{.Protocol}} {{.CIDR}} {{.FromPort}}-{{.ToPort}};{{end}}',
      'tcp 10.0.0.0/8 53-53;udp 0.0.0.0/0 1-2;',
    ],
    ['{{with splitHostPort "[::1]:80"}}{{.Host}} {{.Port}}{{end}}', '::1 80'],
    ['{{extractEndpointHosts "https://b:1,a:2,b"}}', '[a b]'],
    [
      '{{zoneDistributedNodePoolGroups .Pools}} {{nodeLifeCycleProviderPerNodePoolGroup .Pools}}',
      'map[:true] map[default:zalando x:zalando]',
    ],
    ['{{clusterName .Cluster}}', 'aws:1:r:k'],
    ['{{contains "BEGIN PUBLIC KEY" (publicKey .Key)}}', 'true'],
  ],
  'networks and quantities': [
    ['{{nthAddressFromCIDR "10.1.2.77/24" 10}} {{nthAddressFromCIDR "2001:db8::/64" 2}}', '10.1.2.10 2001:db8::2'],
    [
      '{{nodeCIDRMaxNodes 25 10}} {{nodeCIDRMaxNodesPodCIDR 15 25 0}} {{nodeCIDRMaxPods 25 0}} {{nodeCIDRMaxPods 24 0}}',
      '502 1024 64 110',
    ],
    ['{{stupsNATSubnets "172.31.0.0/16"}}', '[172.31.64.0/28 172.31.64.16/28 172.31.64.32/28]'],
    [
      '{{sumQuantities "100m" "0.9"}} {{sumQuantities "1Gi" "512Mi"}} {{sumQuantities "1500m"}} {{sumQuantities}}',
      '1 1536Mi 1500m 0',
    ],
    ['{{scaleQuantity "1" 0.5}} {{scaleQuantity "2Gi" 0.5}} {{scaleQuantity "1k" 2.0}}', '500m 1Gi 2k'],
    ['{{kubernetesSizeToKiloBytes "1Mi" 0.5}}', '512KB'],
  ],
};

for (const [group, cases] of Object.entries(groups)) {
  describe(`template functions: ${group}`, () => {
    it.each(cases)('%s', (template, expected) => {
      expect(run(template)).toBe(expected);
    });
  });
}

describe('a function refuses what it cannot work with', () => {
  const cases: [template: string, reason: RegExp][] = [
    ['{{base64Decode "!"}}', /illegal base64/],
    ['{{dict "a"}}', /invalid number of arguments: 1/],
    ['{{dict 1 2}}', /key argument 0 must be string/],
    ['{{dict "a" 1 "a" 2}}', /duplicate key a/],
    ['{{accountID "123"}}', /expected type:id/],
    ['{{asgSize 5 3}}', /exact multiple of 3/],
    ['{{portRanges "9-1"}}', /port range 9-1 is invalid/],
    ['{{portRanges "70000-70001"}}', /invalid port "70000"/],
    ['{{sgIngressRanges "icmp:0.0.0.0\\/0:1"}}', /invalid/],
    ['{{parseInt64 "1.5"}}', /invalid syntax/],
    ['{{parseInt64 "9223372036854775808"}}', /out of range/],
    ['{{div 1 0}}', /division by zero/],
    ['{{add "x" 1}}', /is not an integer/],
    ['{{until 200000}}', /at most 100000 items/],
    ['{{required "zone is needed" ""}}', /zone is needed/],
    ['{{fromYaml "a: ["}}', /invalid YAML/],
    ['{{fromJson "{"}}', /invalid JSON/],
    ['{{nthAddressFromCIDR "10.0.0.0/33" 1}}', /invalid CIDR/],
    ['{{nodeCIDRMaxPods 30 0}}', /invalid value for maskSize: 30/],
    ['{{sumQuantities "1x"}}', /is no quantity/],
    ['{{scaleQuantity "1" 0.0}}', /greater than 0/],
    ['{{publicKey "secret"}}', /no private key in PEM/],
    ['{{generateJWKSDocument "secret"}}', /no public key in PEM/],
    ['{{certificateExpiry "x"}}', /no certificate in PEM/],
  ];
  it.each(cases)('%s', (template, reason) => {
    expect(() => run(template)).toThrow(reason);
  });

  it('publishes a public key as a key set, and the discovery document that names it', () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = String(publicKey.export({ type: 'spki', format: 'pem' }));
    const call = (text: string): unknown =>
      JSON.parse(executeTemplate(parseTemplate('t', text), new GoStruct('*Data', { Pem: pem }), pureFunctions));
    const { keys } = call('{{ generateJWKSDocument .Pem }}') as { keys: Record<string, string>[] };
    expect(createPublicKey({ key: keys[0] ?? {}, format: 'jwk' }).equals(publicKey)).toBe(true);
    expect(keys[0]).toMatchObject({ alg: 'RS256', kty: 'RSA', use: 'sig' });
    expect(keys[0]?.['kid']).toMatch(/^[\w-]{43}$/);
    expect(keys[1]).toEqual({ ...keys[0], kid: '' });
    expect(call('{{ generateOIDCDiscoveryDocument "https://kube.example.org" }}')).toMatchObject({
      issuer: 'https://kube.example.org',
      jwks_uri: 'https://kube.example.org/openid-configuration/keys.json',
    });
  });

  it('says nothing of a key that it cannot read', () => {
    const template = parseTemplate('t', '{{publicKey .Secret}}');
    const secret = new GoStruct('*Data', { Secret: 'very-secret' });
    let message = '';
    try {
      executeTemplate(template, secret, pureFunctions);
    } catch (error) {
      message = String(error);
    }
    expect(message).toMatch(/no private key in PEM/);
    expect(message).not.toContain('very-secret');
  });
});
