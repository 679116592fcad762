#!/usr/bin/env node
import { readFileSync } from 'node:fs';

const args = process.argv.slice(2);
if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
  // Answered without loading the program: scripts ask often.
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  process.stdout.write(`${version}\n`);
} else {
  const { programOfSources } = await import('../scripts/build.mjs');
  if (process.env['CLM_DEBUG'] !== undefined) process.setSourceMapsEnabled(true);
  // The SDK tells every process that it will want a newer Node.js some day; operators can do nothing about it here.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
  const program = await programOfSources().catch((error) => {
    process.stderr.write(`clm: its program cannot be made; nothing was touched: ${error.message}\n`);
    process.exit(1);
  });
  const { main } = await import(program);
  process.exitCode = await main(args);
}
