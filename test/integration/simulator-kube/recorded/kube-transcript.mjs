#!/usr/bin/env node
// Plays one fixed conversation with a Kubernetes API server and records, or compares, the normalised answers.
//   node kube-transcript.mjs --server URL [--token T] [--insecure] --record FILE
//   node kube-transcript.mjs --server URL [--token T] [--insecure] --compare FILE [--only PREFIX] [-v]
// kube-transcript.json beside this file was recorded against a real kube-apiserver, controller-manager and scheduler (1.36) with three
// schedulable nodes, so it says what a simulator has to answer. No dependencies. Exit 0 when every step agrees.
import http from 'node:http'
import https from 'node:https'
import { readFileSync, writeFileSync } from 'node:fs'

const flag = (name, fallback) => {
  const i = process.argv.indexOf(`--${name}`)
  return i < 0 ? fallback : process.argv[i + 1]
}
const server = flag('server'), token = flag('token'), only = flag('only', '')
const verbose = process.argv.includes('-v')
if (!server || (!flag('record') && !flag('compare'))) {
  console.error('usage: kube-transcript.mjs --server URL [--token T] [--insecure] (--record|--compare) FILE')
  process.exit(2)
}
const base = new URL(server), lib = base.protocol === 'https:' ? https : http
const agent = new lib.Agent({ keepAlive: true, rejectUnauthorized: !process.argv.includes('--insecure') })
const JSONT = 'application/json'
const ns = `t-${Math.random().toString(36).slice(2, 8)}`
const sleep = (ms) => new Promise((r) => setTimeout(r, ms))

function send(method, path, { body, type = JSONT, accept = JSONT, raw, stream } = {}) {
  return new Promise((resolve, reject) => {
    const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body))
    const headers = { accept }
    if (token) headers.authorization = `Bearer ${token}`
    if (payload !== undefined) Object.assign(headers, { 'content-type': type, 'content-length': Buffer.byteLength(payload) })
    const request = lib.request(new URL(base.pathname.replace(/\/$/, '') + path, base), { method, headers, agent }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (d) => { text += d; stream?.(text) })
      response.on('end', () => {
        let parsed
        try { parsed = JSON.parse(text) } catch { parsed = undefined }
        resolve({ status: response.statusCode, headers: response.headers, text, body: parsed })
      })
    })
    request.on('error', reject)
    request.end(payload)
  })
}

// Values that may differ between two right servers become placeholders; everything else must be equal.
const volatile = new Set(['uid', 'resourceVersion', 'creationTimestamp', 'deletionTimestamp', 'time', 'lastTransitionTime', 'lastUpdateTime',
  'startTime', 'startedAt', 'lastProbeTime', 'lastHeartbeatTime', 'podIP', 'hostIP', 'clusterIP', 'ip', 'nodeName', 'containerID', 'imageID', 'continue', 'renewTime'])
const dropped = new Set(['managedFields', 'annotations', 'podIPs', 'hostIPs', 'clusterIPs', 'remainingItemCount', 'fieldsV1'])
function normalise(value, path = '') {
  const key = path.split('.').at(-1)
  if (typeof value === 'string') {
    if (volatile.has(key)) return value === '' ? '' : `<${key}>`
    return value.replaceAll(ns, '<ns>').replace(/(<ns>|\bd|\bseven|\bg)-[a-z0-9]{8,10}-[a-z0-9]{5}\b/g, '$1-<pod>').replace(/\bg-[a-z0-9]{5}\b/g, 'g-<rand>')
      .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<uid>')
  }
  if (Array.isArray(value)) return value.map((v) => normalise(v, key))
  if (value && typeof value === 'object')
    return Object.fromEntries(Object.entries(value).filter(([k]) => !dropped.has(k)).sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => [k, normalise(v, k)]))
  return value
}
const pick = (o, paths) => Object.fromEntries(paths.map((p) => [p, p.split('.').reduce((v, k) => v?.[k], o)]))

const steps = []
const record = (id, request, answer) => steps.push({ id, request: JSON.parse(JSON.stringify(request).replaceAll(ns, '<ns>')), answer: normalise(answer) })
async function step(id, method, path, options = {}, view = (r) => r.body ?? r.text.slice(0, 200)) {
  const r = await send(method, path, options)
  const retryAfter = r.headers['retry-after']
  record(id, { method, path, ...(options.type && { type: options.type }), ...(options.accept && { accept: options.accept }), ...(options.body !== undefined && { body: options.body }), ...(options.raw && { raw: options.raw }) },
    { status: r.status, ...(retryAfter && { retryAfter }), body: view(r) })
  return r
}
const until = async (what, probe, seconds = 60) => {
  for (let i = 0; i < seconds * 5; i++) { if (await probe()) return; await sleep(200) }
  throw new Error(`gave up waiting for ${what}`)
}
const failure = (r) => r.body && pick(r.body, ['kind', 'status', 'message', 'reason', 'details', 'code'])
const N = `/api/v1/namespaces/${ns}`, A = `/apis/apps/v1/namespaces/${ns}`, P = `/apis/policy/v1/namespaces/${ns}`
const cm = (name, data, extra = {}) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...extra }, data })
const deployment = (name, replicas, extra = {}) => ({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name },
  spec: { replicas, selector: { matchLabels: { app: name } }, template: { metadata: { labels: { app: name }, ...extra }, spec: { containers: [{ name: 'c', image: 'nginx' }] } } } })
const pdb = (name, app, spec) => ({ apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name }, spec: { selector: { matchLabels: { app } }, ...spec } })
const pods = async (app) => (await send('GET', `${N}/pods?labelSelector=app%3D${app}`)).body.items
const ready = (p) => !p.metadata.deletionTimestamp && p.status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True')
const settled = (app, n) => until(`${n} ready pods of ${app}`, async () => (await pods(app)).filter(ready).length === n)
const evict = (pod, extra = {}) => ({ body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: pod.metadata.name, namespace: ns }, ...extra } })
const pdbStatus = (r) => pick(r.body, ['status.disruptionsAllowed', 'status.currentHealthy', 'status.desiredHealthy', 'status.expectedPods'])
const observed = (name, allowed) => until(`PDB ${name} to allow ${allowed}`, async () => {
  const s = (await send('GET', `${P}/poddisruptionbudgets/${name}`)).body
  return s.status?.observedGeneration === s.metadata.generation && s.status.disruptionsAllowed === allowed
})

const scenario = {
  async basics() {
    await step('basics/livez', 'GET', '/livez', {}, (r) => r.text)
    await step('basics/readyz', 'GET', '/readyz', {}, (r) => r.text)
    await step('basics/api', 'GET', '/api', {}, (r) => pick(r.body, ['kind', 'versions']))
    await step('basics/groups', 'GET', '/apis', {}, (r) => ['apps', 'policy', 'batch', 'rbac.authorization.k8s.io', 'storage.k8s.io', 'coordination.k8s.io', 'networking.k8s.io', 'discovery.k8s.io', 'apiextensions.k8s.io', 'authorization.k8s.io', 'autoscaling', 'events.k8s.io'].filter((g) => r.body.groups.some((x) => x.name === g)))
    await step('basics/core-resources', 'GET', '/api/v1', {}, (r) => ['pods', 'pods/eviction', 'pods/status', 'pods/log', 'nodes', 'nodes/status', 'namespaces', 'configmaps', 'secrets', 'services', 'events', 'persistentvolumes', 'persistentvolumeclaims', 'serviceaccounts', 'serviceaccounts/token', 'resourcequotas', 'endpoints'].map((n) => {
      const x = r.body.resources.find((y) => y.name === n); return x ? pick(x, ['name', 'namespaced', 'kind', 'group', 'version', 'shortNames', 'verbs']) : n + ' missing' }))
    await step('basics/unknown-path', 'GET', '/nope', {}, (r) => r.text.trim().slice(0, 60))
    await step('basics/unknown-resource', 'GET', '/api/v1/nopes', {}, (r) => r.text.trim().slice(0, 60))
    await step('basics/method', 'PATCH', '/api/v1/nodes', { body: {}, type: 'application/merge-patch+json' }, failure)
    await step('basics/namespace-create', 'POST', '/api/v1/namespaces', { body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: ns } } }, (r) => pick(r.body, ['kind', 'metadata.name', 'metadata.labels', 'spec', 'status']))
    await step('basics/namespace-again', 'POST', '/api/v1/namespaces', { body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: ns } } }, failure)
    await step('basics/bad-name', 'POST', `${N}/configmaps`, { body: cm('Bad_Name', {}) }, failure)
    await step('basics/missing', 'GET', `${N}/configmaps/none`, {}, failure)
    await step('basics/bad-json', 'POST', `${N}/configmaps`, { raw: '{"kind":' }, (r) => pick(r.body, ['kind', 'status', 'reason', 'code']))
    await step('basics/wrong-kind', 'POST', `${N}/configmaps`, { body: { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'x' } } }, (r) => pick(r.body, ['kind', 'status', 'reason', 'code']))
    await step('basics/no-namespace', 'POST', '/api/v1/namespaces/does-not-exist/configmaps', { body: cm('x', {}) }, failure)
  },
  async objects() {
    const made = await step('objects/create', 'POST', `${N}/configmaps`, { body: cm('a', { k: '1' }, { labels: { tier: 'x' } }) })
    await step('objects/replace-stale', 'PUT', `${N}/configmaps/a`, { body: cm('a', { k: '2' }, { resourceVersion: '1' }) }, failure)
    await step('objects/replace', 'PUT', `${N}/configmaps/a`, { body: cm('a', { k: '2' }, { labels: { tier: 'x' }, resourceVersion: made.body.metadata.resourceVersion }) }, (r) => r.body.data)
    await step('objects/json-patch', 'PATCH', `${N}/configmaps/a`, { type: 'application/json-patch+json', body: [{ op: 'test', path: '/data/k', value: '2' }, { op: 'add', path: '/data/j', value: 'x' }] }, (r) => r.body.data)
    await step('objects/json-patch-test-fails', 'PATCH', `${N}/configmaps/a`, { type: 'application/json-patch+json', body: [{ op: 'test', path: '/data/k', value: '9' }] }, (r) => pick(r.body, ['status', 'reason', 'code']))
    await step('objects/merge-patch', 'PATCH', `${N}/configmaps/a`, { type: 'application/merge-patch+json', body: { data: { j: null, m: 'y' } } }, (r) => r.body.data)
    await step('objects/unknown-patch-type', 'PATCH', `${N}/configmaps/a`, { type: 'application/nope', raw: '{}' }, (r) => pick(r.body, ['status', 'reason', 'code']))
    await step('objects/dry-run', 'POST', `${N}/configmaps?dryRun=All`, { body: cm('dry', {}) }, (r) => pick(r.body, ['kind', 'metadata.name']))
    await step('objects/dry-run-left-nothing', 'GET', `${N}/configmaps/dry`, {}, failure)
    await step('objects/generate-name', 'POST', `${N}/configmaps`, { body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { generateName: 'g-' } } }, (r) => pick(r.body, ['metadata.name', 'metadata.generateName']))
    await step('objects/delete-wrong-uid', 'DELETE', `${N}/configmaps/a`, { body: { kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { uid: 'nope' } } }, (r) => pick(r.body, ['status', 'reason', 'code']))
    await step('objects/delete', 'DELETE', `${N}/configmaps/a`, {}, (r) => pick(r.body, ['kind', 'status', 'details']))
    await step('objects/delete-again', 'DELETE', `${N}/configmaps/a`, {}, failure)
    await step('objects/finalizer-create', 'POST', `${N}/configmaps`, { body: cm('f', {}, { finalizers: ['example.com/hold'] }) }, (r) => r.body.metadata.finalizers)
    await step('objects/finalizer-delete', 'DELETE', `${N}/configmaps/f`, {}, (r) => pick(r.body, ['kind', 'metadata.deletionTimestamp', 'metadata.finalizers']))
    await step('objects/finalizer-still-there', 'GET', `${N}/configmaps/f`, {}, (r) => pick(r.body, ['metadata.deletionTimestamp', 'metadata.deletionGracePeriodSeconds']))
    await step('objects/finalizer-removed', 'PATCH', `${N}/configmaps/f`, { type: 'application/merge-patch+json', body: { metadata: { finalizers: null } } }, (r) => r.status)
    await step('objects/finalizer-gone', 'GET', `${N}/configmaps/f`, {}, (r) => r.body.reason)
    await step('objects/unknown-field-strict', 'POST', `${N}/configmaps?fieldValidation=Strict`, { body: { ...cm('s', {}), nope: 1 } }, (r) => pick(r.body, ['status', 'reason', 'code', 'message']))
  },
  async apply() {
    const type = 'application/apply-patch+yaml', url = (m, force) => `${N}/configmaps/ssa?fieldManager=${m}${force ? '&force=true' : ''}`
    const managers = (r) => r.body.metadata?.managedFields?.map((m) => `${m.manager}:${m.operation}`)
    const first = await step('apply/create', 'PATCH', url('a'), { type, body: cm('ssa', { x: '1', y: '1' }) }, (r) => ({ data: r.body.data, managers: managers(r) }))
    const again = await step('apply/again', 'PATCH', url('a'), { type, body: cm('ssa', { x: '1', y: '1' }) }, (r) => ({ data: r.body.data, managers: managers(r) }))
    record('apply/again-is-no-write', {}, { same: first.body.metadata.resourceVersion === again.body.metadata.resourceVersion })
    await step('apply/conflict', 'PATCH', url('b'), { type, body: cm('ssa', { x: '2' }) }, failure)
    await step('apply/force', 'PATCH', url('b', true), { type, body: cm('ssa', { x: '2' }) }, (r) => ({ data: r.body.data, managers: managers(r) }))
    await step('apply/owner-drops-field', 'PATCH', url('a'), { type, body: cm('ssa', {}) }, (r) => ({ data: r.body.data, managers: managers(r) }))
    await step('apply/no-manager', 'PATCH', `${N}/configmaps/ssa`, { type, body: cm('ssa', {}) }, (r) => pick(r.body, ['status', 'reason', 'code']))
    const d = deployment('ssad', 0)
    await step('apply/deployment', 'PATCH', `${A}/deployments/ssad?fieldManager=a`, { type, body: d }, (r) => r.body.spec.template.spec.containers.map((c) => c.name))
    const other = structuredClone(d); other.spec = { template: { spec: { containers: [{ name: 'side', image: 'busybox' }] } } }
    await step('apply/list-merges-by-name', 'PATCH', `${A}/deployments/ssad?fieldManager=b`, { type, body: other }, (r) => r.body.spec.template.spec.containers.map((c) => `${c.name}=${c.image}`))
    await step('apply/strategic-by-name', 'PATCH', `${A}/deployments/ssad`, { type: 'application/strategic-merge-patch+json', body: { spec: { template: { spec: { containers: [{ name: 'c', image: 'nginx:2' }] } } } } }, (r) => r.body.spec.template.spec.containers.map((c) => `${c.name}=${c.image}`))
    await step('apply/strategic-delete', 'PATCH', `${A}/deployments/ssad`, { type: 'application/strategic-merge-patch+json', body: { spec: { template: { spec: { containers: [{ name: 'side', $patch: 'delete' }] } } } } }, (r) => r.body.spec.template.spec.containers.map((c) => c.name))
  },
  async lists() {
    for (const i of [1, 2, 3]) await send('POST', `${N}/configmaps`, { body: cm(`l${i}`, {}, { labels: { n: `${i}`, all: 'y' } }) })
    const page = await step('lists/limit', 'GET', `${N}/configmaps?limit=2&labelSelector=all%3Dy`, {}, (r) => ({ names: r.body.items.map((x) => x.metadata.name), more: Boolean(r.body.metadata.continue), kind: r.body.kind }))
    await step('lists/continue', 'GET', `${N}/configmaps?limit=2&labelSelector=all%3Dy&continue=${encodeURIComponent(page.body.metadata.continue)}`, {}, (r) => ({ names: r.body.items.map((x) => x.metadata.name), more: Boolean(r.body.metadata.continue) })).then((s) => { steps.at(-1).request.path = '<continued>'; return s })
    await step('lists/bad-continue', 'GET', `${N}/configmaps?limit=2&continue=zzz`, {}, (r) => pick(r.body, ['status', 'reason', 'code']))
    await step('lists/set-selector', 'GET', `${N}/configmaps?labelSelector=n+in+%281%2C3%29`, {}, (r) => r.body.items.map((x) => x.metadata.name))
    await step('lists/not-selector', 'GET', `${N}/configmaps?labelSelector=all%2C%21n`, {}, (r) => r.body.items.map((x) => x.metadata.name))
    await step('lists/bad-selector', 'GET', `${N}/configmaps?labelSelector=%3D%3D%3D`, {}, (r) => pick(r.body, ['status', 'reason', 'code']))
    await step('lists/field-name', 'GET', `${N}/configmaps?fieldSelector=metadata.name%3Dl2`, {}, (r) => r.body.items.map((x) => x.metadata.name))
    await step('lists/bad-field', 'GET', `${N}/pods?fieldSelector=spec.nope%3D1`, {}, (r) => pick(r.body, ['status', 'reason', 'code', 'message']))
    await step('lists/partial-metadata', 'GET', `${N}/configmaps/l1`, { accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1' }, (r) => pick(r.body, ['kind', 'apiVersion', 'metadata.name', 'data']))
    for (const [id, path] of [['configmaps', `${N}/configmaps`], ['pods', `${N}/pods`], ['nodes', '/api/v1/nodes'], ['deployments', `${A}/deployments`], ['pdbs', `${P}/poddisruptionbudgets`]])
      await step(`lists/table-${id}`, 'GET', path, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' }, (r) => ({ kind: r.body.kind, columns: r.body.columnDefinitions?.map((c) => `${c.name}:${c.type}:${c.priority}`) }))
  },
  async watches() {
    const start = (await send('GET', `${N}/configmaps`)).body.metadata.resourceVersion
    const acting = (async () => {
      await sleep(400)
      await send('POST', `${N}/configmaps`, { body: cm('w', { v: '1' }) })
      await send('PATCH', `${N}/configmaps/w`, { type: 'application/merge-patch+json', body: { data: { v: '2' } } })
      await send('DELETE', `${N}/configmaps/w`)
    })()
    const r = await send('GET', `${N}/configmaps?watch=true&resourceVersion=${start}&timeoutSeconds=3`)
    await acting
    const events = r.text.trim().split('\n').filter(Boolean).map((l) => JSON.parse(l))
    record('watches/add-modify-delete', {}, { status: r.status, events: events.map((e) => `${e.type} ${e.object.metadata.name} ${JSON.stringify(e.object.data ?? null)}`) })
    const s = await send('GET', `${N}/configmaps?watch=true&labelSelector=n%3D1&timeoutSeconds=1`)
    record('watches/initial-state', {}, s.text.trim().split('\n').filter(Boolean).map((l) => JSON.parse(l)).map((e) => `${e.type} ${e.object.metadata.name}`))
    await step('watches/bad-version', 'GET', `${N}/configmaps?watch=true&resourceVersion=abc&timeoutSeconds=1`, {}, (r2) => pick(r2.body, ['status', 'reason', 'code']))
  },
  async workloads() {
    await step('workloads/create', 'POST', `${A}/deployments`, { body: deployment('d', 3) }, (r) => ({ spec: pick(r.body.spec, ['replicas', 'strategy', 'revisionHistoryLimit', 'progressDeadlineSeconds']), pod: pick(r.body.spec.template.spec, ['restartPolicy', 'terminationGracePeriodSeconds', 'dnsPolicy', 'schedulerName']) }))
    await settled('d', 3)
    await until('status', async () => (await send('GET', `${A}/deployments/d`)).body.status.availableReplicas === 3)
    await step('workloads/status', 'GET', `${A}/deployments/d`, {}, (r) => ({ ...pick(r.body.status, ['observedGeneration', 'replicas', 'updatedReplicas', 'readyReplicas', 'availableReplicas']), conditions: r.body.status.conditions.map((c) => `${c.type}=${c.status}:${c.reason}`).sort() }))
    await step('workloads/owner', 'GET', `${N}/pods?labelSelector=app%3Dd&limit=1`, {}, (r) => r.body.items[0].metadata.ownerReferences.map((o) => pick(o, ['kind', 'controller', 'blockOwnerDeletion'])))
    await step('workloads/scale-get', 'GET', `${A}/deployments/d/scale`, {}, (r) => pick(r.body, ['kind', 'apiVersion', 'spec.replicas', 'status.replicas', 'status.selector']))
    await step('workloads/scale-patch', 'PATCH', `${A}/deployments/d/scale`, { type: 'application/merge-patch+json', body: { spec: { replicas: 4 } } }, (r) => r.body.spec)
    await settled('d', 4)
    await step('workloads/immutable-selector', 'PATCH', `${A}/deployments/d`, { type: 'application/merge-patch+json', body: { spec: { selector: { matchLabels: { app: 'e' } } } } }, (r) => pick(r.body, ['status', 'reason', 'code']))
    await step('workloads/log-of-unknown', 'GET', `${N}/pods/none/log`, {}, failure)
  },
  async budgets() {
    await step('budgets/create', 'POST', `${P}/poddisruptionbudgets`, { body: pdb('p', 'd', { minAvailable: 3 }) }, (r) => pick(r.body, ['kind', 'spec']))
    await observed('p', 1)
    await step('budgets/status', 'GET', `${P}/poddisruptionbudgets/p`, {}, (r) => ({ ...pdbStatus(r), conditions: r.body.status.conditions.map((c) => `${c.type}=${c.status}:${c.reason}`) }))
    const [first, second] = (await pods('d')).filter(ready)
    await step('budgets/evict-dry-run', 'POST', `${N}/pods/${first.metadata.name}/eviction?dryRun=All`, evict(first), (r) => r.body).then(() => { steps.at(-1).request = { what: 'dry-run eviction of a ready pod' } })
    await step('budgets/still-one', 'GET', `${P}/poddisruptionbudgets/p`, {}, pdbStatus)
    await send('PATCH', `${P}/poddisruptionbudgets/p`, { type: 'application/merge-patch+json', body: { spec: { minAvailable: 4 } } })
    await observed('p', 0)
    await step('budgets/evict-refused', 'POST', `${N}/pods/${first.metadata.name}/eviction`, evict(first), failure).then(() => { steps.at(-1).request = { what: 'eviction at allowed 0' } })
    await step('budgets/evict-refused-dry-run', 'POST', `${N}/pods/${first.metadata.name}/eviction?dryRun=All`, evict(first), failure).then(() => { steps.at(-1).request = { what: 'dry-run eviction at allowed 0' } })
    await send('PATCH', `${P}/poddisruptionbudgets/p`, { type: 'application/merge-patch+json', body: { spec: { minAvailable: 3 } } })
    await observed('p', 1)
    await step('budgets/evict', 'POST', `${N}/pods/${first.metadata.name}/eviction`, evict(first), (r) => pick(r.body, ['kind', 'status', 'code'])).then(() => { steps.at(-1).request = { what: 'eviction at allowed 1' } })
    await step('budgets/evict-next-at-once', 'POST', `${N}/pods/${second.metadata.name}/eviction`, evict(second), failure).then(() => { steps.at(-1).request = { what: 'a second eviction at once' } })
    await until('the evicted pod to go', async () => !(await pods('d')).some((x) => x.metadata.uid === first.metadata.uid))
    await settled('d', 4)
    await step('budgets/evict-missing', 'POST', `${N}/pods/none/eviction`, evict({ metadata: { name: 'none' } }), failure)
    await send('POST', `${P}/poddisruptionbudgets`, { body: pdb('q', 'd', { maxUnavailable: 4 }) })
    await observed('q', 4)
    const [third] = (await pods('d')).filter(ready)
    await step('budgets/evict-two-budgets', 'POST', `${N}/pods/${third.metadata.name}/eviction`, evict(third), failure).then(() => { steps.at(-1).request = { what: 'eviction of a pod with two budgets' } })
    await send('DELETE', `${P}/poddisruptionbudgets/q`)
    await send('POST', `${A}/deployments`, { body: deployment('seven', 7) })
    await settled('seven', 7)
    await send('POST', `${P}/poddisruptionbudgets`, { body: pdb('up', 'seven', { maxUnavailable: '30%' }) })
    await observed('up', 3)
    await step('budgets/max-unavailable-rounds-up', 'GET', `${P}/poddisruptionbudgets/up`, {}, pdbStatus)
    await send('POST', `${P}/poddisruptionbudgets`, { body: pdb('half', 'seven', { minAvailable: '50%' }) })
    await observed('half', 3)
    await step('budgets/min-available-rounds-up', 'GET', `${P}/poddisruptionbudgets/half`, {}, pdbStatus)
    // The budget is taken before the delete is tried: a refused delete leaves it taken until the controller's timeout (2 minutes).
    await observed('p', 1)
    const [fourth] = (await pods('d')).filter(ready)
    await step('budgets/evict-wrong-uid', 'POST', `${N}/pods/${fourth.metadata.name}/eviction`, evict(fourth, { deleteOptions: { preconditions: { uid: '00000000-0000-0000-0000-000000000000' } } }), (r) => pick(r.body, ['status', 'reason', 'code'])).then(() => { steps.at(-1).request = { what: 'eviction with another uid' } })
    await step('budgets/refused-delete-took-the-budget', 'GET', `${P}/poddisruptionbudgets/p`, {}, (r) => ({ ...pdbStatus(r), disrupted: Object.keys(r.body.status.disruptedPods ?? {}).length }))
    await step('budgets/both-is-invalid', 'POST', `${P}/poddisruptionbudgets`, { body: pdb('both', 'd', { minAvailable: 1, maxUnavailable: 1 }) }, (r) => pick(r.body, ['status', 'reason', 'code', 'message']))
  },
  async nodes() {
    const name = `n-${ns}`
    await step('nodes/create', 'POST', '/api/v1/nodes', { body: { apiVersion: 'v1', kind: 'Node', metadata: { name, labels: { a: 'b' } }, spec: { providerID: 'aws:///z/i-1' } } }, (r) => pick(r.body, ['kind', 'spec.providerID']))
    await step('nodes/cordon', 'PATCH', `/api/v1/nodes/${name}`, { type: 'application/strategic-merge-patch+json', body: { spec: { unschedulable: true } } }, (r) => r.body.spec.unschedulable)
    await until('the cordon taint', async () => (await send('GET', `/api/v1/nodes/${name}`)).body.spec.taints?.some((t) => t.key === 'node.kubernetes.io/unschedulable'))
    await step('nodes/cordon-taint', 'GET', `/api/v1/nodes/${name}`, {}, (r) => r.body.spec.taints.filter((t) => t.key === 'node.kubernetes.io/unschedulable').map((t) => `${t.key}:${t.effect}`))
    await step('nodes/status-ignores-spec', 'PATCH', `/api/v1/nodes/${name}/status`, { type: 'application/merge-patch+json', body: { spec: { unschedulable: false }, status: { nodeInfo: { kubeletVersion: 'v1' } } } }, (r) => ({ unschedulable: r.body.spec.unschedulable ?? null, v: r.body.status.nodeInfo.kubeletVersion }))
    await step('nodes/delete', 'DELETE', `/api/v1/nodes/${name}`, {}, (r) => r.status)
    await step('nodes/lease', 'POST', `/apis/coordination.k8s.io/v1/namespaces/${ns}/leases`, { body: { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'l' }, spec: { holderIdentity: 'me', leaseDurationSeconds: 15 } } }, (r) => r.body.spec)
  },
  async access() {
    await step('access/self', 'POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', { body: { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: { resourceAttributes: { verb: 'list', resource: 'pods' } } } }, (r) => r.body.status.allowed)
    await step('access/other', 'POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', { body: { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', spec: { user: 'nobody-at-all', resourceAttributes: { verb: 'delete', resource: 'nodes' } } } }, (r) => r.body.status.allowed)
  },
  async custom() {
    const group = `${ns}.example.com`
    await step('custom/define', 'POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', { body: { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: `things.${group}` }, spec: { group, scope: 'Namespaced', names: { plural: 'things', singular: 'thing', kind: 'Thing', listKind: 'ThingList' }, versions: [{ name: 'v1', served: true, storage: true, subresources: { status: {} }, schema: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', required: ['size'], properties: { size: { type: 'integer' } } } } } } }] } } }, (r) => r.body.kind)
    await until('the CRD', async () => (await send('GET', `/apis/${group}/v1/namespaces/${ns}/things`)).status === 200)
    const T = `/apis/${group}/v1/namespaces/${ns}/things`, thing = (spec) => ({ apiVersion: `${group}/v1`, kind: 'Thing', metadata: { name: 'one' }, spec })
    await step('custom/invalid', 'POST', T, { body: thing({}) }, (r) => pick(r.body, ['status', 'reason', 'code']))
    await step('custom/create', 'POST', T, { body: thing({ size: 3, dropped: true }) }, (r) => r.body.spec)
    await step('custom/list', 'GET', T, {}, (r) => ({ kind: r.body.kind, n: r.body.items.length }))
    await send('DELETE', `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things.${group}`)
  },
  async ending() {
    await step('ending/foreground', 'DELETE', `${A}/deployments/seven`, { body: { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: 'Foreground' } }, (r) => pick(r.body, ['kind', 'metadata.finalizers']))
    await until('the pods to go', async () => (await pods('seven')).length === 0)
    await until('the deployment to go', async () => (await send('GET', `${A}/deployments/seven`)).status === 404)
    await send('POST', `${N}/configmaps`, { body: cm('hold', {}, { finalizers: ['example.com/hold'] }) })
    await step('ending/namespace', 'DELETE', `/api/v1/namespaces/${ns}`, {}, (r) => pick(r.body, ['kind', 'status.phase']))
    await step('ending/create-in-terminating', 'POST', `${N}/configmaps`, { body: cm('late', {}) }, failure)
    await send('PATCH', `${N}/configmaps/hold`, { type: 'application/merge-patch+json', body: { metadata: { finalizers: null } } })
    await until('the namespace to go', async () => (await send('GET', `/api/v1/namespaces/${ns}`)).status === 404)
    record('ending/gone', {}, { gone: true })
  },
}

for (const [name, play] of Object.entries(scenario)) {
  try { await play() } catch (error) { record(`${name}/stopped`, {}, { error: String(error.message) }); if (flag('record')) throw error }
}

if (flag('record')) {
  writeFileSync(flag('record'), JSON.stringify(steps, null, 1))
  console.log(`${steps.length} steps recorded`)
} else {
  const wanted = JSON.parse(readFileSync(flag('compare'), 'utf8')).filter((s) => s.id.startsWith(only))
  let agree = 0
  for (const want of wanted) {
    const got = steps.find((s) => s.id === want.id)
    const same = got && JSON.stringify(got.answer) === JSON.stringify(want.answer)
    if (same) agree++
    else {
      console.log(`differs: ${want.id}`)
      if (verbose) console.log(`  want ${JSON.stringify(want.answer)}\n  got  ${JSON.stringify(got?.answer)}`)
    }
  }
  for (const s of steps) if (s.id.endsWith('/stopped')) console.log(`stopped: ${s.id}: ${s.answer.error}`)
  console.log(`${agree} of ${wanted.length} steps agree`)
  process.exitCode = agree === wanted.length ? 0 : 1
}
agent.destroy()
