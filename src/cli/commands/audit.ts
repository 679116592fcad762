import { examples, outputOption, type RegisterCommand, withConnection } from '../command.ts';
import type { AuditShowOptions, AuditVerifyOptions } from '../run/audit.ts';

/** `clm audit`: why branches moved, from the records in git notes; works without a daemon and changes nothing. */
export const registerAudit: RegisterCommand = (program, context) => {
  const audit = program
    .command('audit')
    .summary('prove what branches were moved on')
    .description(
      'Each move of a branch carries a record as a git note (refs/notes/clm): the checks, soak, gates and approvals that moved it.',
    );
  const verify = withConnection(audit.command('verify'))
    .summary('judge every record again, and hold it against the repository and the journal')
    .description(
      'Judges the gate again on the evidence of each record; checks that each move was a fast-forward to the configuration it ' +
        'names, that no record is missing between two, the signatures, and the journal of the database when there is one. ' +
        'Ends with exit code 1 when something is not proven.',
    )
    .option('--channel <name>', 'only this channel')
    .option('--limit <n>', 'newest moves of each branch that are judged', '200')
    .option('--allowed-signers <file>', 'whose signatures count; configRepository.allowedSigners unless given')
    .option('--require-signatures', 'an unsigned record is a finding; so it is when a signing key is configured')
    .option('--no-journal', 'judge by the repository alone')
    .addOption(outputOption())
    .action(async (options: AuditVerifyOptions) => {
      const { runAuditVerify } = await import('../run/audit.ts');
      await runAuditVerify(options, context);
    });
  examples(verify, [
    ['clm audit verify', 'all channels, against the journal too'],
    ['clm audit verify --no-journal --require-signatures', 'on a machine without the database: a clm.yaml is enough'],
  ]);
  examples(audit, [['clm audit verify', 'does everything that let a version through hold?']]);
  const show = withConnection(audit.command('show'))
    .summary('the records of one commit, in words')
    .argument('<commit>', 'a commit (seven digits or more), a channel, a branch or a tag')
    .addOption(outputOption())
    .action(async (commit: string, options: AuditShowOptions) => {
      const { runAuditShow } = await import('../run/audit.ts');
      await runAuditShow(commit, options, context);
    });
  examples(show, [['clm audit show 3f2a9c1', 'why was it let into each channel?']]);
};
