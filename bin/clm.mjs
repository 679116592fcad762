#!/usr/bin/env node
// The program is TypeScript as it stands: tsx strips the types at load.
import { register } from 'tsx/esm/api';

register();
const { main } = await import('../src/cli/main.ts');
process.exitCode = await main(process.argv.slice(2));
