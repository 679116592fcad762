import { describe, expect, it } from 'vitest';
import { pureFunctions } from '../../../src/rendering/functions/function-table.ts';
import { executeTemplate } from '../../../src/rendering/gotemplate/evaluator.ts';
import { parseTemplate } from '../../../src/rendering/gotemplate/parser.ts';
import { TemplateError } from '../../../src/rendering/gotemplate/template-error.ts';
import { GoMap, GoStruct } from '../../../src/rendering/gotemplate/value.ts';

const data = new GoStruct('*Data', {
  Name: 'kube-1',
  Nil: null,
  Three: 3n,
  Words: ['a', 'b'],
  Items: GoMap.ofStrings({ zone: 'eu' }),
});

function failureOf(text: string, limits?: { maxOutput: number; maxSteps: number; maxDepth: number }): TemplateError {
  try {
    executeTemplate(parseTemplate('file.yaml', text), data, pureFunctions, limits === undefined ? {} : { limits });
  } catch (error) {
    if (error instanceof TemplateError) return error;
    throw error;
  }
  throw new Error(`${text} did not fail`);
}

describe('a template that does not parse is refused at the exact place', () => {
  const cases: [template: string, place: string, reason: RegExp][] = [
    ['a\n{{', '2:1', /unclosed action/],
    ['{{ .Name', '1:1', /unclosed action/],
    ['{{/* never closed', '1:1', /comment is not closed/],
    ['{{/* x */ y}}', '1:8', /comment must end/],
    ['{{ "abc', '1:4', /unterminated quoted string/],
    ['{{ "a\nb" }}', '1:4', /unterminated quoted string/],
    ['{{ `abc }}', '1:4', /unterminated raw string/],
    ["{{ 'ab' }}", '1:4', /malformed character constant/],
    ['{{ "\\z" }}', '1:4', /invalid escape/],
    ['{{ "\\ud800" }}', '1:4', /invalid escape/],
    ['{{ 1x }}', '1:4', /bad number syntax: "1x"/],
    ['{{ 0xZ }}', '1:4', /number/],
    ['{{ 1__0 }}', '1:4', /bad number syntax/],
    ['{{ 9223372036854775808 }}', '1:4', /does not fit 64 bits/],
    ['{{ 1e999 }}', '1:4', /out of range/],
    ['{{ 1+2 }}', '1:4', /bad number syntax: "1\+2"/],
    ['{{ 0x1i }}', '1:4', /illegal number syntax: "0x1i"/],
    ['{{ lt 1i 2i }}', '1:4', /invalid type for comparison/],
    ['{{ .a+b }}', '1:6', /unexpected "\+"/],
    ['{{ # }}', '1:4', /unexpected character "#"/],
    ['{{ : }}', '1:4', /expected :=/],
    ['{{ (1 }}', '1:4', /unclosed left parenthesis/],
    ['{{ 1) }}', '1:5', /unexpected right parenthesis/],
    ['{{ }}', '1:4', /missing value for command/],
    ['{{if}}x{{end}}', '1:5', /missing value for if/],
    ['{{if .Name}}x', '1:3', /if is not closed/],
    ['x\n  {{range .Words}}', '2:5', /range is not closed/],
    ['{{with .Name}}a{{else}}b', '1:3', /with is not closed/],
    ['{{define "x"}}a', '1:3', /define is not closed/],
    ['{{end}}', '1:3', /unexpected "end"/],
    ['{{else}}', '1:3', /unexpected "else"/],
    ['{{if 1}}{{else}}{{else}}{{end}}', '1:19', /second else/],
    ['{{if 1}}{{define "x"}}{{end}}{{end}}', '1:11', /only allowed at the top level/],
    ['{{define "x"}}a{{end}}{{define "x"}}b{{end}}', '1:25', /defined twice/],
    ['{{define x}}{{end}}', '1:10', /quoted name is needed/],
    ['{{template "x" 1 | }}', '1:20', /nothing follows/],
    ['{{break}}', '1:3', /break outside of range/],
    ['{{define "x"}}{{continue}}{{end}}', '1:17', /continue outside of range/],
    ['{{$x}}', '1:3', /undefined variable \$x/],
    ['{{if true}}{{$x := 1}}{{end}}{{$x}}', '1:32', /undefined variable \$x/],
    ['{{$x = 1}}', '1:3', /undefined variable \$x/],
    ['{{$a, $b := 1}}', '1:5', /too many variables/],
    ['{{range $a, 1}}{{end}}', '1:13', /a variable is needed/],
    ['{{1 | 2}}', '1:7', /stage 2 of the pipeline is not a command: 2/],
    ['{{nil.Foo}}', '1:6', /unexpected \. after nil/],
    ['{{"a".Foo}}', '1:6', /./],
    ['{{.Name "a"b}}', '1:12', /unexpected "b" behind an operand/],
    ['{{if 1}}'.repeat(300), '1:1603', /nested deeper than 200/],
    [`{{${'('.repeat(300)}1${')'.repeat(300)}}}`, '1:203', /nested deeper than 200/],
    ['{{noSuchFunction 1}}', '1:3', /function "noSuchFunction" is not defined/],
    ['{{if false}}{{alsoNot}}{{end}}', '1:15', /function "alsoNot" is not defined/],
  ];
  it.each(cases)('%s', (template, place, reason) => {
    const error = failureOf(template);
    expect(error.reason).toMatch(reason);
    expect(`${error.position.line}:${error.position.column}`).toBe(place);
    expect(error.message).toContain(`file.yaml:${place}:`);
  });
});

describe('a template that fails while it is executed says where and why', () => {
  const cases: [template: string, place: string, reason: RegExp, excerpt: string][] = [
    ['a\n  {{ .Items.missing }}', '2:6', /map has no entry for key "missing"/, '.Items.missing'],
    ['{{.Missing}}', '1:3', /can't evaluate field Missing in type \*Data/, '.Missing'],
    ['{{.Name.x}}', '1:3', /can't evaluate field x in type string/, '.Name.x'],
    ['{{.Nil.x}}', '1:3', /nil data; no entry for key "x"/, '.Nil.x'],
    ['{{$x := .Items}}{{$x.nope}}', '1:19', /no entry for key "nope"/, '$x.nope'],
    ['{{(index .Words 0).x}}', '1:3', /can't evaluate field x/, '(index .Words 0).x'],
    ['{{index .Words 5}}', '1:3', /error calling index: index out of range: 5/, 'index'],
    ['{{index .Words "a"}}', '1:3', /cannot index slice\/array with type string/, 'index'],
    ['{{index .Nil 1}}', '1:3', /index of nil pointer/, 'index'],
    ['{{index .Items 1}}', '1:3', /value has type int; should be string/, 'index'],
    ['{{len 3}}', '1:3', /len of type int/, 'len'],
    ['{{slice .Words 2 1}}', '1:3', /invalid slice index: 2 > 1/, 'slice'],
    ['{{slice "a" 0 1 1}}', '1:3', /cannot 3-index slice a string/, 'slice'],
    ['{{eq 1 "a"}}', '1:3', /incompatible types for comparison/, 'eq'],
    ['{{eq 1 1.0}}', '1:3', /incompatible types for comparison/, 'eq'],
    ['{{eq .Words .Words}}', '1:3', /cannot be compared/, 'eq'],
    ['{{eq 1}}', '1:3', /missing argument for comparison/, 'eq'],
    ['{{lt true false}}', '1:3', /invalid type for comparison/, 'lt'],
    ['{{len}}', '1:3', /wrong number of args for len: want 1 got 0/, 'len'],
    ['{{upper "a" "b"}}', '1:3', /wrong number of args for upper: want 1 got 2/, 'upper'],
    ['{{printf}}', '1:3', /want at least 1 got 0/, 'printf'],
    ['{{and}}', '1:3', /wrong number of args for and/, 'and'],
    ['{{upper 3}}', '1:9', /wrong type for value; expected string; got int/, '3'],
    ['{{upper .Nil}}', '1:9', /invalid value; expected string/, '.Nil'],
    ['{{3 | upper}}', '1:7', /expected string; got int/, 'upper'],
    ['{{.Name 1}}', '1:3', /Name has arguments but cannot be invoked as function/, '.Name'],
    ['{{(1) 2}}', '1:3', /can't give argument to non-function \(1\)/, '(1)'],
    ['{{nil}}', '1:3', /nil is not a command/, 'nil'],
    ['{{call .Name}}', '1:3', /error calling call: non-function of type string/, 'call'],
    ['{{range .Name}}{{end}}', '1:9', /range can't iterate over kube-1 of type string/, '.Name'],
    ['{{range $a, $b := 3}}{{end}}', '1:9', /with two variables/, '$a, $b := 3'],
    ['{{template "nope"}}', '1:3', /template "nope" is not defined/, 'template "nope"'],
    ['{{fail "no zone"}}', '1:3', /error calling fail: no zone/, 'fail'],
  ];
  it.each(cases)('%s', (template, place, reason, excerpt) => {
    const error = failureOf(template);
    expect(error.reason).toMatch(reason);
    expect(`${error.position.line}:${error.position.column}`).toBe(place);
    expect(error.excerpt).toBe(excerpt);
  });
});

describe('what one execution may use is limited', () => {
  const small = { maxOutput: 1_000, maxSteps: 1_000, maxDepth: 10 };
  const cases: [name: string, template: string, reason: RegExp][] = [
    ['a loop over too many numbers', '{{range 1000000000}}{{end}}', /more than 1000 steps/],
    ['too much output', `{{range 100}}${'x'.repeat(100)}{{end}}`, /output is longer than 1000/],
    ['templates without end', '{{define "a"}}{{template "a"}}{{end}}{{template "a"}}', /deeper than 10 levels/],
    ['a text that doubles', `{{$x := "ab"}}{{range 20}}{{$x = print $x $x}}{{end}}`, /larger than 1000 characters/],
    [
      'a list that doubles',
      `{{$x := list 1 2}}{{range 20}}{{$x = concat $x $x}}{{end}}`,
      /larger than 1000 characters/,
    ],
    ['a repeated text', '{{repeat 100000000 "abc"}}', /must be from 0 to/],
    ['a padding', '{{printf "%999999999d" 1}}', /larger than 1000|BADWIDTH/],
  ];
  it.each(cases)('%s', (_, template, reason) => {
    let result: string;
    try {
      result = executeTemplate(parseTemplate('t', template), data, pureFunctions, { limits: small });
    } catch (error) {
      expect(error).toBeInstanceOf(TemplateError);
      result = (error as TemplateError).reason;
    }
    expect(result).toMatch(reason);
  });

  it('a value that shares its parts is not printed without end', () => {
    const text = `{{$x := list 1}}{{range 60}}{{$x = list $x $x}}{{end}}{{$x}}`;
    expect(failureOf(text).reason).toMatch(/more than 200000 parts/);
    const json = `{{$x := list 1}}{{range 60}}{{$x = list $x $x}}{{end}}{{toJson $x}}`;
    expect(failureOf(json).reason).toMatch(/more than 200000 parts/);
  });
});
