import { parseDuration } from '../../support/duration.ts';
import { type CheckContext, defineCheck } from '../contract.ts';
import { judgeOwnWords, type OwnContainer, runOwnContainer } from '../own-container.ts';

const usualMs = 10 * 60_000;

/** Catalogue row 48. */
export const customContainer = defineCheck({
  id: 'custom.container',
  title: 'A container of your own ends with code 0, and nothing that it reports is wrong',
  area: 'custom',
  withinMs: 60 * 60_000,
  expectedMs: 2 * 60_000,
  plan: async ({ settings }) => {
    if (settings.get('custom_image') === undefined)
      return { code: 'CONFIG_MISSING', message: 'e2e_custom_image is not set' };
    const unknown = resultsOf(settings.get('custom_results')).filter((one) => one !== 'junit' && one !== 'report');
    if (unknown.length === 0) return undefined;
    const message = `e2e_custom_results '${unknown.join(', ')}' is not understood; junit and report are`;
    return { code: 'CONFIG_MISSING', message };
  },
  async run(context) {
    await context.sandbox();
    const wanted = wantedOf(context);
    const words = await runOwnContainer(context, wanted);
    context.cases(words.tests ?? []);
    return judgeOwnWords(wanted, words);
  },
});

function wantedOf({ settings }: CheckContext): OwnContainer {
  const results = resultsOf(settings.get('custom_results'));
  const args = settings.get('custom_args');
  return {
    name: 'custom',
    image: settings.get('custom_image') as string,
    withinMs: parseDuration(settings.get('custom_timeout') ?? '') ?? usualMs,
    ...(args === undefined ? {} : { args: argumentsOf(args) }),
    ...(results.includes('junit') ? { junit: ['junit.xml', 'junit_01.xml', 'report.xml'] } : {}),
    report: results.includes('report'),
  };
}

const resultsOf = (text: string | undefined): string[] => (text ?? '').split(/[\s,]+/).filter((word) => word !== '');

/** Words, or a JSON list of them where one has a blank in it. */
export function argumentsOf(text: string): string[] {
  if (text.startsWith('[')) {
    try {
      const list: unknown = JSON.parse(text);
      if (Array.isArray(list)) return list.map(String);
    } catch {
      // Words, then.
    }
  }
  return text.split(/\s+/);
}
