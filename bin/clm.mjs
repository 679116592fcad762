#!/usr/bin/env node
import { readFileSync } from 'node:fs';

const args = process.argv.slice(2);
if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
  // Answered without loading the program: scripts ask often.
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  process.stdout.write(`${version}\n`);
} else {
  // The program is TypeScript as it stands: tsx strips the types at load.
  const { register } = await import('tsx/esm/api');
  // The SDK tells every process that it will want a newer Node.js some day; operators can do nothing about it here.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
  register();
  const { main } = await import('../src/cli/main.ts');
  process.exitCode = await main(args);
}
