/** Which tests of the upstream suite a profile runs, and how. */

/** One call of the suite: the image's own variables decide what it runs. */
export interface ConformancePass {
  name: string;
  /** Regular expressions over test names, as Ginkgo takes them. */
  focus: string;
  skip: string;
  /** Processes; 1 = one test after the other. */
  procs: number;
}

export interface ConformanceProfile {
  name: string;
  title: string;
  passes: ConformancePass[];
  /** Tries of one test inside of one pass, by Ginkgo itself. */
  flakeAttempts: number;
  /** Of the suite's own program. */
  args: string[];
  /** It taints and empties nodes. */
  disruptive: boolean;
  expectedMs: number;
}

const minute = 60_000;
const conformance = String.raw`\[Conformance\]`;
const serial = String.raw`\[Serial\]`;
const disruptive = String.raw`\[Disruptive\]|NoExecuteTaintManager`;
const slow = String.raw`\[Slow\]`;
/** Control-plane and dedicated nodes take no test pods, and nodes may be replaced while tests run. */
const usualArgs = [
  '--non-blocking-taints=node-role.kubernetes.io/control-plane,dedicated',
  '--allowed-not-ready-nodes=-1',
];
const procs = 8;

/** Serial tests cannot share a cluster with others: they are a pass of their own after the parallel one. */
function twoPasses(skip: string): ConformancePass[] {
  const joined = (...parts: string[]): string => parts.filter((part) => part !== '').join('|');
  return [
    { name: 'parallel', focus: conformance, skip: joined(serial, skip), procs },
    { name: 'serial', focus: String.raw`\[Serial\].*\[Conformance\]`, skip, procs: 1 },
  ];
}

const usual = { flakeAttempts: 1, args: usualArgs, disruptive: false };

export const conformanceProfiles: ConformanceProfile[] = [
  {
    ...usual,
    name: 'quick',
    title: 'One test of the upstream suite passes: a pod is submitted and removed',
    passes: [{ name: 'quick', focus: 'Pods should be submitted and removed', skip: '', procs: 1 }],
    expectedMs: 3 * minute,
  },
  {
    ...usual,
    name: 'lite',
    title: 'Upstream conformance without its serial, slow and disruptive tests',
    passes: [{ name: 'parallel', focus: conformance, skip: `${serial}|${slow}|${disruptive}`, procs }],
    expectedMs: 30 * minute,
  },
  {
    ...usual,
    name: 'non-disruptive',
    title: 'Upstream conformance, all but what empties nodes',
    passes: twoPasses(disruptive),
    expectedMs: 75 * minute,
  },
  {
    ...usual,
    name: 'certified',
    title: 'Upstream conformance, every test: what certification asks for',
    passes: [{ name: 'serial', focus: conformance, skip: '', procs: 1 }],
    disruptive: true,
    expectedMs: 120 * minute,
  },
  {
    ...usual,
    name: 'statefulset',
    title: 'Upstream tests of basic StatefulSets',
    passes: [{ name: 'parallel', focus: String.raw`\[StatefulSetBasic\]`, skip: '', procs: 4 }],
    expectedMs: 20 * minute,
  },
  {
    name: 'zalando',
    title: "Upstream conformance and StatefulSets as Zalando's pull requests run them",
    passes: [
      {
        name: 'parallel',
        focus: String.raw`(\[Conformance\]|\[StatefulSetBasic\]|\[Feature:StatefulSet\]\s\[Slow\].*mysql|\[Zalando\])`,
        skip: String.raw`(\[Serial\]|validates.that.there.is.no.conflict.between.pods.with.same.hostPort.but.different.hostIP.and.protocol|Should.create.gradual.traffic.routes)`,
        procs: 25,
      },
    ],
    flakeAttempts: 2,
    args: [
      '--delete-namespace-on-failure=false',
      '--non-blocking-taints=node.kubernetes.io/role,nvidia.com/gpu,dedicated',
      '--allowed-not-ready-nodes=-1',
    ],
    disruptive: false,
    expectedMs: 45 * minute,
  },
];
