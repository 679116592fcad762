/** `npm run bench [-- name] [-- -o json]`: prints figures of this machine; judges none of them. */
import { cpus } from 'node:os';
import type { BenchRow } from './bench-row.ts';

const benches: Record<string, () => Promise<BenchRow[]>> = {
  engine: async () => (await import('./engine.bench.ts')).run(),
  render: async () => (await import('./render.bench.ts')).run(),
  scale: async () => (await import('./scale.bench.ts')).run(),
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
  for (const name of names.length > 0 ? names : Object.keys(benches)) {
    process.stderr.write(`bench ${name} …\n`);
    const rows = (await benches[name]?.()) ?? [];
    document[name] = rows;
    if (!json) print(rows);
  }
  const machine = { cpus: cpus().length, model: cpus()[0]?.model ?? '', node: process.version };
  if (json) process.stdout.write(`${JSON.stringify({ machine, benches: document })}\n`);
  else process.stdout.write(`on ${machine.cpus} × ${machine.model}, node ${machine.node}\n`);
  return 0;
}

process.exitCode = await main(process.argv.slice(2));
