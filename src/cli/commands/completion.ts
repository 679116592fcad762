import { Argument, type Command } from 'commander';
import { examples, type RegisterCommand } from '../command.ts';

/** `clm completion`: a script for the shell. */
export const registerCompletion: RegisterCommand = (program, { io }) => {
  const command = program
    .command('completion')
    .addArgument(new Argument('<shell>', 'which shell').choices(['bash', 'zsh']))
    .summary('a completion script for the shell')
    .action((shell: string) => {
      io.out(shell === 'zsh' ? `autoload -U +X bashcompinit && bashcompinit\n${script(program)}` : script(program));
    });
  examples(command, [['source <(clm completion bash)', 'for this shell']]);
};

function script(program: Command): string {
  const commands = program.commands.map((command) => command.name());
  const cases = program.commands.map((command) => {
    const words = command.options.flatMap((option) => (option.long ? [option.long] : []));
    return `    ${command.name()}) words="${[...words, '--help'].join(' ')}" ;;`;
  });
  return `_clm() {
  local words current="\${COMP_WORDS[COMP_CWORD]}"
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
    *) words="${[...commands, '--help', '--version'].join(' ')}" ;;
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then words="${[...commands, '--help', '--version'].join(' ')}"; fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _clm clm
`;
}
