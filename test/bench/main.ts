/** `npm run bench [-- name] [-- -o json]`: prints figures of this machine; judges none of them. */
import { cpus } from 'node:os';
import type { BenchRow } from './bench-row.ts';

/** `document`: what -o json prints in place of the rows. */
type Bench = () => Promise<BenchRow[] | { rows: BenchRow[]; document: object }>;

const benches: Record<string, Bench> = {
  engine: async () => (await import('./engine.bench.ts')).run(),
  pipeline: async () => (await import('./pipeline.bench.ts')).run(),
  render: async () => (await import('./render.bench.ts')).run(),
  roll: async () => (await import('./roll.bench.ts')).run(),
  scale: async () => (await import('./scale.bench.ts')).run(),
  simulator: async () => (await import('./simulator.bench.ts')).run(),
  verification: async () => (await import('./verification.bench.ts')).run(),
  world: async () => (await import('./world.bench.ts')).run(),
};

function print(rows: BenchRow[]): void {
  const width = Math.max(...rows.map((row) => row.name.length));
  for (const { name, value, unit, note } of rows) {
    process.stdout.write(`${name.padEnd(width)}  ${String(value).padStart(9)} ${unit.padEnd(8)} ${note}\n`);
  }
}

/** Benches whose figures are one flat document, when they are asked for alone. */
const documents: Record<string, () => Promise<object>> = {
  render: async () => (await import('./render.bench.ts')).measure(),
};

async function main(args: string[]): Promise<number> {
  const output = args.indexOf('-o');
  const json = output !== -1 && args[output + 1] === 'json';
  const names = args.filter((_, index) => output === -1 || (index !== output && index !== output + 1));
  const unknown = names.filter((name) => !(name in benches));
  if (unknown.length > 0 || (output !== -1 && !json)) {
    process.stderr.write(`Usage: npm run bench -- [${Object.keys(benches).join('|')}] [-o json]\n`);
    return 2;
  }
  const alone = names.length === 1 ? documents[names[0] as string] : undefined;
  if (json && alone !== undefined) {
    process.stdout.write(`${JSON.stringify(await alone())}\n`);
    return 0;
  }
  const document: Record<string, BenchRow[]> = {};
  let own: object = {};
  for (const name of names.length > 0 ? names : Object.keys(benches)) {
    process.stderr.write(`bench ${name} …\n`);
    const made = (await benches[name]?.()) ?? [];
    const rows = Array.isArray(made) ? made : made.rows;
    if (!Array.isArray(made)) own = { ...own, ...made.document };
    document[name] = rows;
    if (!json) print(rows);
  }
  const machine = { cpus: cpus().length, model: cpus()[0]?.model ?? '', node: process.version };
  if (json) process.stdout.write(`${JSON.stringify({ machine, ...own, benches: document })}\n`);
  else process.stdout.write(`on ${machine.cpus} × ${machine.model}, node ${machine.node}\n`);
  return 0;
}

process.exitCode = await main(process.argv.slice(2));
