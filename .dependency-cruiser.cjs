/** The layer rules of docs/ARCHITECTURE.md, as checks. Type-only imports count: a type is a dependency too. */
const layer = (name, from, mayReach, comment) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from },
  to: { path: '^src/', pathNot: [from, ...mayReach] },
});
const pkg = (name, packages, home) => ({
  name,
  severity: 'error',
  from: { path: '^src/', pathNot: home },
  to: { path: `node_modules/(${packages})` },
});

module.exports = {
  forbidden: [
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true } },
    layer('support-stands-alone', '^src/support/', [], 'support knows nothing about clusters'),
    layer('domain', '^src/domain/', ['^src/support/'], 'types and tiny pure functions'),
    layer('ports', '^src/ports/', ['^src/domain/', '^src/support/'], 'types only'),
    layer('planning', '^src/planning/', ['^src/domain/', '^src/ports/', '^src/support/'], 'pure decisions'),
    layer('machines', '^src/machines/', ['^src/domain/', '^src/support/'], 'pure reducers'),
    layer('engine', '^src/engine/', ['^src/machines/', '^src/domain/', '^src/ports/', '^src/support/'], 'durable runtime'),
    layer('steps', '^src/steps/', ['^src/planning/', '^src/domain/', '^src/ports/', '^src/support/'], 'one idempotent step a file'),
    layer('store', '^src/store/', ['^src/domain/', '^src/ports/', '^src/support/'], 'implements the Store port'),
    layer('sources', '^src/sources/', ['^src/domain/', '^src/ports/', '^src/support/'], 'desired state'),
    layer('rendering', '^src/rendering/', ['^src/domain/', '^src/ports/', '^src/support/'], 'templates and digests'),
    layer('checks', '^src/checks/', ['^src/planning/', '^src/domain/', '^src/ports/', '^src/support/'], 'the e2e catalogue'),
    layer('api', '^src/api/', ['^src/planning/', '^src/domain/', '^src/ports/', '^src/support/'], 'HTTP over ports'),
    layer('providers', '^src/providers/(aws|kube|session|http|metrics|scm|notify)/', ['^src/domain/', '^src/ports/', '^src/support/'], 'actual state'),
    layer(
      'providers-simulated',
      '^src/providers/simulated/',
      ['^src/simulator/model/', '^src/domain/', '^src/ports/', '^src/support/', '^src/providers/'],
      'the only binding of the world model to the ports',
    ),
    layer('simulator-is-independent', '^src/simulator/', ['^src/support/'], 'or its tests prove nothing'),
    {
      name: 'nobody-but-cli-and-simulated-uses-the-simulator',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/simulator/', '^src/providers/simulated/', '^src/cli/'] },
      to: { path: '^src/simulator/' },
    },
    pkg('aws-sdk-in-providers-aws', '@aws-sdk|@smithy', '^src/providers/aws/'),
    pkg('client-node-in-providers-kube', '@kubernetes/client-node', '^src/providers/kube/'),
    pkg('simple-git-in-sources', 'simple-git', '^src/sources/'),
    pkg('xstate-in-machines-and-engine', 'xstate', '^src/(machines|engine)/'),
    pkg('database-drivers-in-store', 'better-sqlite3|kysely|pg', '^src/store/'),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.mjs'], conditionNames: ['import', 'node', 'types'], exportsFields: ['exports'] },
  },
};
