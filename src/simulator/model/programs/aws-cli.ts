import type { Process, Program } from '../kube/process.ts';
import { metadataAddress } from '../network/instance-metadata.ts';
import type { RuntimeFaults } from '../network/runtime-faults.ts';
import type { CallCloud } from '../seams.ts';
import { commandWords } from './container-words.ts';

const bootMs = 900;
const patienceMs = 3_000;

export interface AwsCliParts {
  cloud: CallCloud;
  faults: RuntimeFaults;
}

/** The AWS command line, as far as it lists a bucket: with a web identity, else with what the node's metadata gives it. */
export function awsCli(parts: AwsCliParts): Program {
  return {
    start: (process) => process.after(bootMs, () => run(parts, process)),
    bootMs: () => bootMs,
    listens: () => false,
    serve: () => 'reset',
    exec: () => ({ code: 1, output: '' }),
  };
}

function run({ cloud, faults }: AwsCliParts, process: Process): void {
  const words = commandWords(process);
  const bucket = words[words.indexOf('--bucket') + 1];
  const end = (code: number, line: string): void => {
    process.log(line);
    process.exit(code);
  };
  if (words[0] !== 's3api' || words[1] !== 'list-objects-v2' || bucket === undefined) {
    end(252, 'usage: aws [options] <command> <subcommand> [<subcommand> ...] [parameters]');
    return;
  }
  const environment = process.environment();
  const role = environment['AWS_ROLE_ARN'];
  const identity = role !== undefined && environment['AWS_WEB_IDENTITY_TOKEN_FILE'] !== undefined;
  const operation = 'An error occurred (AccessDenied) when calling the ListObjectsV2 operation';
  if (identity) {
    const reply = cloud('s3', 'ListObjectsV2', { Bucket: bucket }, 'aws-cli/2.17.0');
    if (reply.ok) end(0, JSON.stringify({ Contents: reply.result['Contents'] ?? [] }));
    else end(254, `An error occurred (${reply.code}) when calling the ListObjectsV2 operation: ${reply.message}`);
    return;
  }
  const pod = process.pod();
  const token = {
    kind: 'http',
    method: 'PUT',
    path: '/latest/api/token',
    host: metadataAddress,
    headers: {},
    body: '',
    tls: false,
  } as const;
  const to = { host: metadataAddress, port: 80, transport: 'TCP' } as const;
  const answer = pod && process.network.exchange({ kind: 'pod', pod }, to, token, patienceMs);
  if (answer?.ok !== true)
    end(253, 'Unable to locate credentials. You can configure credentials by running "aws configure".');
  else if (faults.values.nodeRole === 'wide') end(0, JSON.stringify({ Contents: [] }));
  else
    end(
      254,
      `${operation}: User: arn:aws:sts::000000000000:assumed-role/node is not authorized to perform: s3:ListBucket`,
    );
}
