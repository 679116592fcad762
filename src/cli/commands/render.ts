import { examples, outputOption, type RegisterCommand, withConnection } from '../command.ts';
import type { RenderCommandOptions } from '../run/render.ts';

/** `clm render`: what a commit means for each cluster, as files. */
export const registerRender: RegisterCommand = (program, context) => {
  const command = withConnection(program.command('render'))
    .summary('what a commit renders to, as files')
    .description(
      'Renders a branch, channel or commit for clusters of the registry, by default each at the head of its channel. ' +
        'Works without a daemon and changes nothing. Look-ups come from the record; secrets are replaced in all output.',
    )
    .argument('[ref]', 'channel, branch, tag, or commit')
    .option('--cluster <name>', 'only this cluster, by alias or id')
    .option('--channel <name>', 'only clusters of this channel')
    .option('--out <dir>', 'write stacks, user data, manifests and deletions of each cluster below this folder')
    .option('--live', 'ask the cloud for what is not recorded, and decrypt config items')
    .addOption(outputOption())
    .action(async (ref: string | undefined, options: RenderCommandOptions) => {
      const { runRender } = await import('../run/render.ts');
      await runRender(ref, options, context);
    });
  examples(command, [
    ['clm render', 'does every cluster render at the head of its channel?'],
    ['clm render dev --channel stable --out after', 'what dev would mean for the stable clusters'],
    ['clm render stable --channel stable --out before', 'then: diff -r before after'],
  ]);
};
