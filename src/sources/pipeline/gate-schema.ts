/** Gates as the pipeline file writes them. */
import { z } from 'zod';
import type { Comparison, GatePolicy } from '../../domain/gate.ts';
import { nearMatches } from '../../domain/near-matches.ts';
import type { Problem } from '../../domain/problem.ts';
import { problemAt, type YamlPlaces } from '../yaml-document.ts';
import { day, hour, minute, second, span } from './span.ts';
import { toWindow, windowSchema } from './window-schema.ts';

const timeout = span({ min: second, max: minute, remedy: 'write a span like 10s, up to 1m' }).optional();
const patience = span({ max: 7 * day, remedy: 'write a span like 1h, up to 7d' }).optional();
const variable = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'this is no name of an environment variable')
  .optional()
  .meta({ description: 'Environment variable of the daemon with a bearer token; never the token itself' });
const url = z
  .url({ protocol: /^https?$/, error: 'this is no http(s) URL' })
  .meta({ remedy: 'write an URL like https://gate.example.org/ask' });

export const gateSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]*$/, 'a gate name is lower case letters, digits and -')
      .meta({ remedy: 'write a name like release-approval' }),
    approval: z
      .strictObject({
        quorum: z.int().min(1).max(20).optional().meta({ description: 'So many different people; 1 unless given' }),
        roles: z.array(z.string()).min(1).max(20).optional(),
      })
      .optional(),
    http: z.strictObject({ url, tokenEnv: variable, timeout, patience }).optional(),
    prometheus: z
      .strictObject({
        url,
        query: z.string().min(1).max(4_000),
        is: z
          .string()
          .regex(/^(<=|>=|<|>|==|!=)\s*-?\d+(\.\d+)?([eE][+-]?\d+)?$/, 'this is no comparison with a number')
          .meta({ description: 'What every series must satisfy', remedy: "write a comparison like '< 0.01'" }),
        tokenEnv: variable,
        timeout,
        patience,
      })
      .optional(),
    schedule: z.array(windowSchema).min(1).max(50).optional(),
  })
  .meta({ description: 'A gate: a name, and one of approval, http, prometheus and schedule' });

type GateDocument = z.output<typeof gateSchema>;

interface Context {
  places: YamlPlaces;
  path: readonly PropertyKey[];
  zone: string;
  roles: Record<string, string[]>;
}

const builtIn = ['version', 'checks', 'convergence', 'soak'];

export function toGates(
  documents: readonly GateDocument[],
  context: Context,
): { gates: GatePolicy[]; problems: Problem[] } {
  const gates: GatePolicy[] = [];
  const problems: Problem[] = [];
  const names = new Set<string>();
  documents.forEach((document, index) => {
    const at = { ...context, path: [...context.path, index] };
    if (names.has(document.name) || builtIn.includes(document.name)) {
      const message = `gate ${document.name} ${names.has(document.name) ? 'is listed twice' : 'is built in'}`;
      problems.push(problemAt(at.places, [...at.path, 'name'], message, 'give each gate its own name'));
    }
    names.add(document.name);
    const made = toGate(document, at);
    if (made.gate !== undefined) gates.push(made.gate);
    problems.push(...made.problems);
  });
  return { gates, problems };
}

function toGate(document: GateDocument, context: Context): { gate?: GatePolicy; problems: Problem[] } {
  const { name, approval, http, prometheus, schedule } = document;
  const kinds = [approval, http, prometheus, schedule].filter((kind) => kind !== undefined);
  if (kinds.length !== 1) {
    const message = `gate ${name} asks ${kinds.length === 0 ? 'for nothing' : 'for several things'}`;
    return {
      problems: [
        problemAt(context.places, context.path, message, 'write one of approval, http, prometheus and schedule'),
      ],
    };
  }
  if (approval !== undefined) return approvalGate(name, approval, context);
  if (schedule !== undefined) {
    const made = schedule.map((one, i) =>
      toWindow(one, context.zone, { places: context.places, path: [...context.path, 'schedule', i] }),
    );
    const windows = made.flatMap(({ window }) =>
      window === undefined ? [] : [{ ...window, work: ['promotions' as const] }],
    );
    return { gate: { kind: 'schedule', name, windows }, problems: made.flatMap(({ problems }) => problems) };
  }
  if (http !== undefined) return { gate: { kind: 'http', name, url: http.url, ...asking(http) }, problems: [] };
  const { url: base, query, is } = prometheus as NonNullable<typeof prometheus>;
  const [, comparison = '<', value = '0'] = /^(<=|>=|<|>|==|!=)\s*(.+)$/.exec(is) ?? [];
  return {
    gate: {
      kind: 'prometheus',
      name,
      url: base,
      query,
      comparison: comparison as Comparison,
      value: Number(value),
      ...asking(prometheus as NonNullable<typeof prometheus>),
    },
    problems: [],
  };
}

function asking(written: {
  tokenEnv?: string | undefined;
  timeout?: number | undefined;
  patience?: number | undefined;
}) {
  return {
    ...(written.tokenEnv === undefined ? {} : { tokenEnv: written.tokenEnv }),
    timeoutMs: written.timeout ?? 10 * second,
    patienceMs: written.patience ?? hour,
  };
}

function approvalGate(
  name: string,
  { quorum = 1, roles = [] }: NonNullable<GateDocument['approval']>,
  context: Context,
): { gate?: GatePolicy; problems: Problem[] } {
  const known = Object.keys(context.roles);
  const problems: Problem[] = [];
  roles.forEach((role, index) => {
    if (known.includes(role)) return;
    const near = nearMatches(role, known)[0];
    const remedy =
      near === undefined ? `add it under roles, or write one of: ${known.join(', ') || 'none yet'}` : `write ${near}`;
    problems.push(
      problemAt(context.places, [...context.path, 'approval', 'roles', index], `there is no role ${role}`, remedy),
    );
  });
  const members = new Set(roles.flatMap((role) => context.roles[role] ?? []));
  if (problems.length === 0 && roles.length > 0 && members.size < quorum) {
    const message = `gate ${name} asks for ${quorum} approvals, and ${members.size} people may give one`;
    problems.push(
      problemAt(
        context.places,
        [...context.path, 'approval', 'quorum'],
        message,
        'lower it, or add people to the role',
      ),
    );
  }
  return { gate: { kind: 'approval', name, quorum, roles }, problems };
}
