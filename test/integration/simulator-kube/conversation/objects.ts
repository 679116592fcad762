import { type Area, absent } from './step.ts';

const api = '/api/v1/namespaces/default';
const rbac = '/apis/rbac.authorization.k8s.io/v1';
const reviews = '/apis/authorization.k8s.io/v1';
const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const things = '/apis/example.com/v1/namespaces/default/things';
const merge = 'application/merge-patch+json';

const namespaces: Area = {
  name: 'namespaces that end',
  steps: [
    {
      id: 'namespaces/made',
      source: 'kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/#automatic-labelling',
      method: 'POST',
      path: '/api/v1/namespaces',
      body: { metadata: { name: 'ends' } },
      expect: {
        metadata: { labels: { 'kubernetes.io/metadata.name': 'ends' } },
        spec: { finalizers: ['kubernetes'] },
        status: { phase: 'Active' },
      },
    },
    {
      id: 'namespaces/default-account',
      source: 'kubernetes.io/docs/concepts/security/service-accounts/#default-service-accounts',
      path: '/api/v1/namespaces/ends/serviceaccounts',
      at: { 'items.*.metadata.name': ['default'] },
      eventually: true,
    },
    {
      id: 'namespaces/root-certificate',
      source: 'pkg/controller/certificates/rootcacertpublisher',
      path: '/api/v1/namespaces/ends/configmaps/kube-root-ca.crt',
      at: { data: /ca\.crt/ },
      eventually: true,
    },
    {
      id: 'namespaces/held-object',
      source: 'setup',
      method: 'POST',
      path: '/api/v1/namespaces/ends/configmaps',
      body: { metadata: { name: 'held', finalizers: ['example.com/hold'] } },
    },
    {
      id: 'namespaces/deleted',
      source: 'kubernetes.io/docs/tasks/administer-cluster/namespaces/#deleting-a-namespace: asynchronous',
      method: 'DELETE',
      path: '/api/v1/namespaces/ends',
      at: { 'status.phase': 'Terminating', 'metadata.deletionTimestamp': /^\d{4}-/ },
    },
    {
      id: 'namespaces/nothing-new',
      source: 'apiserver/pkg/admission/plugin/namespace/lifecycle: unable to create new content',
      method: 'POST',
      path: '/api/v1/namespaces/ends/configmaps',
      body: { metadata: { name: 'late' } },
      status: 403,
      expect: {
        reason: 'Forbidden',
        message:
          'configmaps "late" is forbidden: unable to create new content in namespace ends because it is being terminated',
        details: { causes: [{ reason: 'NamespaceTerminating', field: 'metadata.namespace' }] },
      },
    },
    {
      id: 'namespaces/says-what-remains',
      source: 'pkg/controller/namespace/deletion/status_condition_utils.go',
      path: '/api/v1/namespaces/ends',
      at: {
        'status.conditions':
          /SomeFinalizersRemain.*example\.com\/hold in 1 resource instances|example\.com\/hold in 1 resource instances.*SomeFinalizersRemain/,
      },
      eventually: true,
    },
    {
      id: 'namespaces/let-go',
      source: 'setup',
      method: 'PATCH',
      path: '/api/v1/namespaces/ends/configmaps/held',
      body: { metadata: { finalizers: null } },
    },
    {
      id: 'namespaces/gone',
      source: 'as namespaces/deleted',
      path: '/api/v1/namespaces/ends',
      status: 404,
      eventually: true,
    },
    {
      id: 'namespaces/kept-ones',
      source: 'apiserver/pkg/admission/plugin/namespace/lifecycle: immortal namespaces',
      method: 'DELETE',
      path: '/api/v1/namespaces/kube-system',
      status: 403,
      at: { message: 'namespaces "kube-system" is forbidden: this namespace may not be deleted' },
    },
  ],
};

const access: Area = {
  name: 'who may what',
  steps: [
    {
      id: 'access/role',
      source: 'kubernetes.io/docs/reference/access-authn-authz/rbac/#role-and-clusterrole',
      method: 'POST',
      path: `${rbac}/namespaces/default/roles`,
      body: {
        metadata: { name: 'reader' },
        rules: [{ apiGroups: [''], resources: ['pods', 'pods/log'], verbs: ['get', 'list'] }],
      },
    },
    {
      id: 'access/binding-completes-its-subjects',
      source: 'pkg/apis/rbac/v1/defaults.go: the API groups of role and subjects',
      method: 'POST',
      path: `${rbac}/namespaces/default/rolebindings`,
      body: {
        metadata: { name: 'readers' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
        subjects: [
          { kind: 'User', name: 'jane' },
          { kind: 'ServiceAccount', name: 'robot', namespace: 'default' },
        ],
      },
      expect: { subjects: [{ apiGroup: 'rbac.authorization.k8s.io' }, { apiGroup: absent }] },
    },
    {
      id: 'access/role-of-a-binding-is-fixed',
      source: 'pkg/apis/rbac/validation ValidateRoleBindingUpdate: cannot change roleRef',
      method: 'PATCH',
      path: `${rbac}/namespaces/default/rolebindings/readers`,
      body: { roleRef: { name: 'other' } },
      status: 422,
      at: { message: /roleRef: Invalid value: .*cannot change roleRef$/ },
    },
    {
      id: 'access/rule-needs-verbs',
      source: 'pkg/apis/rbac/validation ValidatePolicyRule',
      method: 'POST',
      path: `${rbac}/clusterroles`,
      body: { metadata: { name: 'odd' }, rules: [{ apiGroups: [''], resources: ['pods'], verbs: [] }] },
      status: 422,
      at: { message: /rules\[0\]\.verbs: Required value: verbs must contain at least one value/ },
    },
    ...[
      { id: 'may', user: 'jane', groups: [], verb: 'list', namespace: 'default', allowed: true },
      { id: 'other-verb', user: 'jane', groups: [], verb: 'delete', namespace: 'default', allowed: false },
      { id: 'other-namespace', user: 'jane', groups: [], verb: 'list', namespace: 'kube-system', allowed: false },
      { id: 'everywhere-needs-a-cluster-role', user: 'jane', groups: [], verb: 'list', namespace: '', allowed: false },
      {
        id: 'account',
        user: 'system:serviceaccount:default:robot',
        groups: [],
        verb: 'get',
        namespace: 'default',
        allowed: true,
      },
      { id: 'masters', user: 'x', groups: ['system:masters'], verb: 'delete', namespace: 'default', allowed: true },
    ].map(({ id, user, groups, verb, namespace, allowed }) => ({
      id: `access/asked-${id}`,
      source: 'kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access',
      method: 'POST' as const,
      path: `${reviews}/subjectaccessreviews`,
      body: { spec: { user, groups, resourceAttributes: { verb, resource: 'pods', namespace } } },
      at: { 'status.allowed': allowed },
    })),
    {
      id: 'access/subresource-of-a-rule',
      source: 'kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources: pods/log',
      method: 'POST',
      path: `${reviews}/subjectaccessreviews`,
      body: {
        spec: {
          user: 'jane',
          resourceAttributes: { verb: 'get', resource: 'pods', subresource: 'log', namespace: 'default' },
        },
      },
      at: { 'status.allowed': true },
    },
    {
      id: 'access/subresource-without-a-rule',
      source:
        'kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources: pods do not give pods/exec',
      method: 'POST',
      path: `${reviews}/subjectaccessreviews`,
      body: {
        spec: {
          user: 'jane',
          resourceAttributes: { verb: 'get', resource: 'pods', subresource: 'exec', namespace: 'default' },
        },
      },
      at: { 'status.allowed': false },
    },
    {
      id: 'access/own',
      source: 'kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access',
      method: 'POST',
      path: `${reviews}/selfsubjectaccessreviews`,
      body: { spec: { resourceAttributes: { verb: 'delete', resource: 'nodes' } } },
      at: { 'status.allowed': true },
    },
    {
      id: 'access/short-tokens',
      source: 'pkg/apis/authentication/validation ValidateTokenRequest: ten minutes at least',
      method: 'POST',
      path: `${api}/serviceaccounts/default/token`,
      body: { spec: { audiences: [], expirationSeconds: 60 } },
      status: 422,
      at: { message: /spec\.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes/ },
    },
    {
      id: 'access/token',
      source: 'kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/',
      method: 'POST',
      path: `${api}/serviceaccounts/default/token`,
      body: { spec: { expirationSeconds: 600 } },
      at: { 'status.token': /^[\w-]+\.[\w-]+\.[\w-]+$/, 'status.expirationTimestamp': /^\d{4}-/ },
    },
  ],
};

const schema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      required: ['size'],
      properties: {
        size: { type: 'integer', minimum: 1 },
        colour: { type: 'string', default: 'blue', enum: ['blue', 'red'] },
        replicas: { type: 'integer' },
      },
    },
    status: { type: 'object', properties: { phase: { type: 'string' }, replicas: { type: 'integer' } } },
  },
};
const version = {
  name: 'v1',
  served: true,
  storage: true,
  schema: { openAPIV3Schema: schema },
  subresources: { status: {}, scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' } },
  additionalPrinterColumns: [{ name: 'Size', type: 'integer', jsonPath: '.spec.size' }],
};
const spec = {
  group: 'example.com',
  scope: 'Namespaced',
  names: { plural: 'things', kind: 'Thing', shortNames: ['th'] },
  versions: [version],
};
const docs = 'kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/';

const custom: Area = {
  name: 'kinds of its own',
  steps: [
    {
      id: 'custom/name-is-plural-and-group',
      source: `${docs}#create-a-customresourcedefinition: name must match the spec`,
      method: 'POST',
      path: crds,
      body: { metadata: { name: 'thing.example.com' }, spec },
      status: 422,
      at: {
        message: /metadata\.name: Invalid value: "thing\.example\.com": must be spec\.names\.plural\+"\."\+spec\.group/,
      },
    },
    {
      id: 'custom/made',
      source: `${docs}; apiextensions/v1/defaults.go: singular and listKind`,
      method: 'POST',
      path: crds,
      body: { metadata: { name: 'things.example.com' }, spec },
      expect: { spec: { names: { singular: 'thing', listKind: 'ThingList' }, conversion: { strategy: 'None' } } },
    },
    {
      id: 'custom/established',
      source: `${docs}#create-a-customresourcedefinition: Established`,
      path: `${crds}/things.example.com`,
      at: {
        'status.conditions': /"type":"Established","status":"True"|"status":"True"[^}]*"type":"Established"/,
        'status.storedVersions': ['v1'],
      },
      eventually: true,
    },
    {
      id: 'custom/discovered',
      source: 'kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api',
      path: '/apis/example.com/v1',
      at: { 'resources.*.name': ['things', 'things/status', 'things/scale'] },
      eventually: true,
    },
    {
      id: 'custom/pruned-and-defaulted',
      source: `${docs}#field-pruning and #defaulting`,
      method: 'POST',
      path: things,
      body: {
        apiVersion: 'example.com/v1',
        kind: 'Thing',
        metadata: { name: 'one' },
        spec: { size: 1, other: 2 },
        status: { phase: 'x' },
      },
      expect: { spec: { size: 1, colour: 'blue', other: absent }, metadata: { generation: 1 }, status: absent },
    },
    {
      id: 'custom/wrong-type',
      source: `${docs}#validation`,
      method: 'POST',
      path: things,
      body: { apiVersion: 'example.com/v1', kind: 'Thing', metadata: { name: 'two' }, spec: { size: 'big' } },
      status: 422,
      at: { message: /spec\.size: Invalid value: "string": spec\.size in body must be of type integer: "string"/ },
    },
    {
      id: 'custom/too-small',
      source: `${docs}#validation`,
      method: 'POST',
      path: things,
      body: { apiVersion: 'example.com/v1', kind: 'Thing', metadata: { name: 'two' }, spec: { size: 0 } },
      status: 422,
      at: { message: /spec\.size: Invalid value: 0: spec\.size in body should be greater than or equal to 1/ },
    },
    {
      id: 'custom/required',
      source: `${docs}#validation`,
      method: 'POST',
      path: things,
      body: { apiVersion: 'example.com/v1', kind: 'Thing', metadata: { name: 'two' }, spec: {} },
      status: 422,
      at: { message: /spec\.size: Required value/ },
    },
    {
      id: 'custom/one-of-a-few',
      source: `${docs}#validation`,
      method: 'POST',
      path: things,
      body: {
        apiVersion: 'example.com/v1',
        kind: 'Thing',
        metadata: { name: 'two' },
        spec: { size: 1, colour: 'green' },
      },
      status: 422,
      at: { message: /spec\.colour: Unsupported value: "green": supported values: "blue", "red"/ },
    },
    {
      id: 'custom/status-leaves-spec-alone',
      source: `${docs}#status-subresource`,
      method: 'PATCH',
      path: `${things}/one/status`,
      body: { spec: { size: 9 }, status: { phase: 'ready', replicas: 2 } },
      type: merge,
      expect: { spec: { size: 1 }, status: { phase: 'ready' }, metadata: { generation: 1 } },
    },
    {
      id: 'custom/generation-follows-spec',
      source: `${docs}#status-subresource: metadata.generation`,
      method: 'PATCH',
      path: `${things}/one`,
      body: { spec: { replicas: 3 }, status: { phase: 'other' } },
      type: merge,
      expect: { status: { phase: 'ready' }, metadata: { generation: 2 } },
    },
    {
      id: 'custom/scale',
      source: `${docs}#scale-subresource`,
      path: `${things}/one/scale`,
      expect: { kind: 'Scale', apiVersion: 'autoscaling/v1', spec: { replicas: 3 }, status: { replicas: 2 } },
    },
    {
      id: 'custom/columns',
      source: `${docs}#additional-printer-columns`,
      path: `${things}/one`,
      accept: 'application/json;as=Table;v=v1;g=meta.k8s.io',
      at: { 'columnDefinitions.*.name': ['Name', 'Size'], 'rows.*.cells': [['one', 1]] },
    },
    {
      id: 'custom/no-strategic-patches',
      source:
        'kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/: not for custom resources',
      method: 'PATCH',
      path: `${things}/one`,
      body: { spec: { size: 2 } },
      type: 'application/strategic-merge-patch+json',
      status: 415,
      at: { reason: 'UnsupportedMediaType' },
    },
    {
      id: 'custom/deleted',
      source: `${docs}#delete-a-customresourcedefinition`,
      method: 'DELETE',
      path: `${crds}/things.example.com`,
    },
    {
      id: 'custom/objects-go-with-it',
      source: `${docs}#delete-a-customresourcedefinition`,
      path: things,
      status: 404,
      eventually: true,
    },
  ],
};

const limits: Area = {
  name: 'quotas, limits and events',
  steps: [
    {
      id: 'quota/made',
      source: 'kubernetes.io/docs/concepts/policy/resource-quotas/',
      method: 'POST',
      path: `${api}/resourcequotas`,
      body: { metadata: { name: 'q' }, spec: { hard: { configmaps: '2', 'count/secrets': '1' } } },
    },
    {
      id: 'quota/counts-what-is-there',
      source: 'kubernetes.io/docs/concepts/policy/resource-quotas/#object-count-quota',
      path: `${api}/resourcequotas/q`,
      at: { 'status.hard.configmaps': '2', 'status.used.configmaps': '1', 'status.used.count/secrets': '0' },
      eventually: true,
    },
    {
      id: 'quota/within',
      source: 'as above',
      method: 'POST',
      path: `${api}/configmaps`,
      body: { metadata: { name: 'a' } },
    },
    {
      id: 'quota/beyond',
      source: 'apiserver/pkg/admission/plugin/resourcequota/controller.go: exceeded quota',
      method: 'POST',
      path: `${api}/configmaps`,
      body: { metadata: { name: 'b' } },
      status: 403,
      at: {
        message:
          'configmaps "b" is forbidden: exceeded quota: q, requested: configmaps=1, used: configmaps=2, limited: configmaps=2',
      },
    },
    {
      id: 'limits/made',
      source: 'kubernetes.io/docs/concepts/policy/limit-range/',
      method: 'POST',
      path: `${api}/limitranges`,
      body: {
        metadata: { name: 'l' },
        spec: {
          limits: [{ type: 'Container', default: { cpu: '200m' }, defaultRequest: { cpu: '100m' }, max: { cpu: '1' } }],
        },
      },
    },
    {
      id: 'limits/fill-in',
      source: 'kubernetes.io/docs/concepts/policy/limit-range/#limitrange-and-admission-checks-for-pods',
      method: 'POST',
      path: `${api}/pods`,
      body: { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'nginx' }] } },
      at: { 'spec.containers.*.resources': [{ requests: { cpu: '100m' }, limits: { cpu: '200m' } }] },
    },
    {
      id: 'limits/refuse',
      source: 'plugin/pkg/admission/limitranger: maximum cpu usage per Container',
      method: 'POST',
      path: `${api}/pods`,
      body: {
        metadata: { name: 'big' },
        spec: { containers: [{ name: 'c', image: 'nginx', resources: { limits: { cpu: '2' } } }] },
      },
      status: 403,
      at: { message: /pods "big" is forbidden: maximum cpu usage per Container is 1, but limit is 2/ },
    },
    {
      id: 'events/elsewhere',
      source: 'pkg/apis/core/validation/events.go legacyValidateEvent',
      method: 'POST',
      path: `${api}/events`,
      body: {
        metadata: { name: 'e' },
        involvedObject: { kind: 'Pod', namespace: 'other', name: 'p' },
        reason: 'R',
        type: 'Normal',
      },
      status: 422,
      at: { message: /involvedObject\.namespace: Invalid value: "other": does not match event\.namespace/ },
    },
    {
      id: 'events/made',
      source: 'kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/',
      method: 'POST',
      path: `${api}/events`,
      body: {
        metadata: { name: 'e' },
        involvedObject: { kind: 'Pod', namespace: 'default', name: 'p' },
        reason: 'Odd',
        message: 'm',
        type: 'Warning',
        count: 3,
        source: { component: 'c' },
      },
    },
    {
      id: 'events/in-the-other-group',
      source: 'pkg/apis/events/v1/conversion.go: deprecated fields and note',
      path: '/apis/events.k8s.io/v1/namespaces/default/events/e',
      expect: {
        apiVersion: 'events.k8s.io/v1',
        note: 'm',
        deprecatedCount: 3,
        regarding: { name: 'p' },
        deprecatedSource: { component: 'c' },
      },
    },
    {
      id: 'events/selected',
      source: 'pkg/registry/core/event/strategy.go ToSelectableFields',
      path: `${api}/events?fieldSelector=involvedObject.name%3Dp,reason%3DOdd,type%3DWarning`,
      at: { 'items.*.metadata.name': ['e'] },
    },
  ],
};

export const objects: readonly Area[] = [namespaces, access, custom, limits];
