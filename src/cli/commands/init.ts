import { examples, type RegisterCommand } from '../command.ts';

/** `clm init`: a new configuration repository and a clm.yaml. */
export const registerInit: RegisterCommand = (program, context) => {
  const command = program
    .command('init')
    .argument('[folder]', 'where to write; made when it is not there', '.')
    .summary('begin: a configuration repository, a registry and a clm.yaml')
    .description(
      'Writes a git repository with one branch a channel, a folder for the registry and a commented clm.yaml. Never overwrites.',
    )
    .action(async (folder: string) => {
      const { runInit } = await import('../run/init.ts');
      await runInit(folder, context);
    });
  examples(command, [['clm init ./fleet', 'then: cd fleet && clm validate && clm daemon']]);
};
