import { describe, expect, it } from 'vitest';
import { executeTemplate } from '../../../src/rendering/gotemplate/evaluator.ts';
import { parseTemplate } from '../../../src/rendering/gotemplate/parser.ts';
import { GoFunction, GoMap, GoStruct, toGoValue } from '../../../src/rendering/gotemplate/value.ts';

const data = new GoStruct('*Data', {
  Name: 'kube-1',
  Empty: '',
  Nil: null,
  Yes: true,
  No: false,
  Three: 3n,
  Half: 0.5,
  Words: ['a', 'b', 'c'],
  None: [],
  Items: GoMap.ofStrings({ zone: 'eu', alias: 'x', count: '3' }),
  Tree: toGoValue({ inner: { leaf: 'deep', list: [1, 2] } }),
  Pools: [new GoStruct('*Pool', { Name: 'one', Size: 1n }), new GoStruct('*Pool', { Name: 'two', Size: 2n })],
  Add: new GoFunction(['int', 'int'], ([a, b]) => (a as bigint) + (b as bigint)),
});

function run(text: string): string {
  return executeTemplate(parseTemplate('t', text), data, new Map());
}

const groups: Record<string, [template: string, expected: string][]> = {
  'text and trim markers': [
    ['plain', 'plain'],
    ['', ''],
    ['a {{- " b " -}} c', 'a b c'],
    ['a\n\t{{- "x" }}\n b', 'ax\n b'],
    ['a {{ "x" -}}\n\n b', 'a xb'],
    ['{{- /* only a comment */ -}} x', 'x'],
    ['a{{/* gone */}}b', 'ab'],
    ['a {{- /* gone */ -}} b', 'ab'],
    ['{{ 3 -}} x', '3x'],
    ['{{ -3 }}', '-3'],
    ['{{-3}}', '-3'],
    ['}} {', '}} {'],
    ['{{"{{"}}', '{{'],
  ],
  literals: [
    ['{{1}} {{-7}} {{+7}} {{0x1F}} {{0b101}} {{0o17}} {{017}} {{1_000}}', '1 -7 7 31 5 15 15 1000'],
    ['{{1.5}} {{.5}} {{2.}} {{1e3}} {{1e-7}} {{1E+21}} {{0x1p4}}', '1.5 0.5 2 1000 1e-07 1e+21 16'],
    ['{{1000000.0}} {{123456.0}} {{0.0001}}', '1e+06 123456 0.0001'],
    ['{{2i}} {{1+2i}} {{-1.5-2.5i}} {{1e2+1e-7i}} {{0x1p4+1_0i}}', '(0+2i) (1+2i) (-1.5-2.5i) (100+1e-07i) (16+10i)'],
    ['{{if 0i}}yes{{else}}no{{end}} {{if 1i}}yes{{end}} {{eq 1i 0+1i}} {{ne 1i 1+1i}}', 'no yes true true'],
    ['{{printf "%.2f %6.1f %T %d" 1i 1-2i 1i 1i}}', '(0.00+1.00i) (   1.0  -2.0i) complex128 %!d(complex128=(0+1i))'],
    ["{{'a'}} {{'\\n'}} {{'é'}} {{'\\''}}", '97 10 233 39'],
    ['{{"a\\tb\\"c\\\\"}}', 'a\tb"c\\'],
    ['{{"\\x41\\101\\u00e9\\U0001F600"}}', 'AAé😀'],
    ['{{"\\xc3\\xa9"}}', 'é'],
    ['{{`raw \\n "x"`}}', 'raw \\n "x"'],
    ['{{true}} {{false}}', 'true false'],
    ['{{.Nil}}', '<no value>'],
  ],
  'fields, chains and parentheses': [
    ['{{.Name}}', 'kube-1'],
    ['{{.Items.zone}}', 'eu'],
    ['{{.Tree.inner.leaf}}', 'deep'],
    ['{{(index .Pools 1).Name}}', 'two'],
    ['{{$.Name}} {{with .Tree}}{{$.Name}} {{.inner.leaf}}{{end}}', 'kube-1 kube-1 deep'],
    ['{{(len .Words) | print}}', '3'],
    ['{{print (print 1 2) ((3))}}', '1 23'],
    ['{{.Add 1 2}} {{call .Add 3 4}} {{5 | .Add 1}}', '3 7 6'],
  ],
  variables: [
    ['{{$x := 1}}{{$x}}', '1'],
    ['{{$x := 1}}{{$x = 2}}{{$x}}', '2'],
    ['{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}}', '2'],
    ['{{$x := 1}}{{if true}}{{$x := 2}}{{$x}}{{end}}{{$x}}', '21'],
    ['{{with $y := .Name}}{{$y}}{{end}}', 'kube-1'],
    ['{{if $y := .Three}}{{$y}}{{else}}{{$y}}{{end}}', '3'],
    ['{{$l := .Words}}{{range $l}}{{.}}{{end}}', 'abc'],
    ['{{$x := 0}}{{range .Words}}{{$x = .}}{{end}}{{$x}}', 'c'],
    ['{{$p := index .Pools 0}}{{$p.Name}}', 'one'],
  ],
  conditions: [
    ['{{if .Yes}}y{{end}}{{if .No}}n{{end}}', 'y'],
    ['{{if .Empty}}1{{else}}2{{end}}', '2'],
    ['{{if .None}}1{{else if .Nil}}2{{else if .Three}}3{{else}}4{{end}}', '3'],
    ['{{if 0}}1{{else}}2{{end}}{{if 0.0}}1{{else}}2{{end}}', '22'],
    ['{{with .Empty}}1{{else}}{{.Name}}{{end}}', 'kube-1'],
    ['{{with .Nil}}1{{else with .Name}}{{.}}{{else}}3{{end}}', 'kube-1'],
    ['{{if and .Yes (not .No)}}y{{end}}', 'y'],
  ],
  range: [
    ['{{range .Words}}{{.}},{{end}}', 'a,b,c,'],
    ['{{range $v := .Words}}{{$v}}{{end}}', 'abc'],
    ['{{range $i, $v := .Words}}{{$i}}={{$v}};{{end}}', '0=a;1=b;2=c;'],
    ['{{range $k, $v := .Items}}{{$k}}={{$v}};{{end}}', 'alias=x;count=3;zone=eu;'],
    ['{{range .None}}x{{else}}none{{end}}', 'none'],
    ['{{range .Nil}}x{{else}}none{{end}}', 'none'],
    ['{{range 3}}{{.}}{{end}}', '012'],
    ['{{range $i := 2}}{{$i}}{{end}}', '01'],
    ['{{range .Words}}{{if eq . "b"}}{{continue}}{{end}}{{.}}{{end}}', 'ac'],
    ['{{range .Words}}{{if eq . "b"}}{{break}}{{end}}{{.}}{{end}}', 'a'],
    ['{{range .Words}}{{range 2}}{{break}}{{end}}{{.}}{{end}}', 'abc'],
    ['{{range $i, $v := .Words}}{{$i}}{{else}}{{$v}}{{end}}', '012'],
    ['{{$i := 9}}{{$v := 9}}{{range $i, $v = .Words}}{{end}}{{$i}}{{$v}}', '2c'],
    ['{{range .Pools}}{{.Name}}:{{.Size}} {{end}}', 'one:1 two:2 '],
  ],
  'define, template and block': [
    ['{{define "T"}}[{{.}}]{{end}}{{template "T" .Name}}', '[kube-1]'],
    ['{{template "T" 1}}{{define "T"}}({{.}}){{end}}', '(1)'],
    ['{{define "T"}}{{.}}{{end}}{{template "T"}}', '<no value>'],
    ['{{block "B" .Three}}b{{.}}{{end}}', 'b3'],
    ['{{define "T"}}{{$x := 2}}{{$x}}{{end}}{{$x := 1}}{{template "T"}}{{$x}}', '21'],
    ['{{define `T`}}{{if gt . 0}}{{.}}{{template "T" 0}}{{end}}{{end}}{{template "T" 3}}', '3'],
  ],
  pipelines: [
    ['{{.Name | printf "%s-%s" "a"}}', 'a-kube-1'],
    ['{{"x" | print | print "y"}}', 'yx'],
    ['{{.Words | len | eq 3}}', 'true'],
    ['{{1 | lt 2}}', 'false'],
  ],
  'comparison and logic': [
    ['{{eq 1 1}} {{eq 1 2 3 1}} {{ne "a" "b"}} {{eq .Nil nil}}', 'true true true true'],
    ['{{lt 1 2}} {{le 2 2}} {{gt 2 1}} {{ge 1 2}}', 'true true true false'],
    ['{{lt "a" "b"}} {{lt 1.5 2.5}}', 'true true'],
    ['{{and 1 0 .Missing}} {{or 0 "x" .Missing}} {{and 1 2}} {{or 0 ""}}', '0 x 2 '],
    ['{{not 0}} {{not "a"}}', 'true false'],
  ],
  'len, index and slice': [
    ['{{len "é"}} {{len .Words}} {{len .Items}}', '2 3 3'],
    ['{{index .Words 1}} {{index .Items "zone"}} {{index .Tree "inner" "list" 1}}', 'b eu 2'],
    ['{{index .Items "missing"}}|{{index .Tree "missing"}}', '|<no value>'],
    ['{{index "abc" 1}}', '98'],
    ['{{slice "hello" 1 3}} {{slice .Words 1}} {{slice .Words 0 1 2}} {{slice "ab"}}', 'el [b c] [a] ab'],
  ],
  printing: [
    ['{{print 1 2 "a" 3 true}}', '1 2a3 true'],
    ['{{println 1 "a"}}', '1 a\n'],
    ['{{.Words}} {{.Items}} {{.Tree}}', '[a b c] map[alias:x count:3 zone:eu] map[inner:map[leaf:deep list:[1 2]]]'],
    ['{{index .Pools 0}}', '{one 1}'],
    [
      '{{printf "%d %5d|%-5d|%05d %+d %x %X %o %b %c %U" 1 2 3 4 5 255 255 8 5 65 233}}',
      '1     2|3    |00004 +5 ff FF 10 101 A U+00E9',
    ],
    ['{{printf "%s %q %10s|%-4s|%.2s %x %v" "a" "b\\n" "c" "d" "efg" "hi" "j"}}', 'a "b\\n"          c|d   |ef 6869 j'],
    [
      '{{printf "%f %.2f %e %g %v %8.3f" 1.5 1.25 1500.0 1e21 0.1 3.14159}}',
      '1.500000 1.25 1.500000e+03 1e+21 0.1    3.142',
    ],
    ['{{printf "%t %v %T %T %T" true nil 1 "a" 1.5}}', 'true <nil> int string float64'],
    ['{{printf "%v %s %d" .Words .Words .Tree.inner.list}}', '[a b c] [a b c] [1 2]'],
    [
      '{{printf "100%%"}} {{printf "%d"}} {{printf "%d" "x"}} {{printf "a" 1}}',
      '100% %!d(MISSING) %!d(string=x) a%!(EXTRA int=1)',
    ],
    ['{{printf "a%" }} {{printf "%z" 1}}', 'a%!(NOVERB) %!z(int=1)'],
    ['{{printf "%[2]d %[1]d" 1 2}} {{printf "%*d" 4 7}}', '2 1    7'],
    ['{{printf "%#v %#x" "a" 255}}', '"a" 0xff'],
    ['{{printf "%+v %v" (index .Pools 0) (index .Pools 0)}}', '{Name:one Size:+1} {one 1}'],
    [
      '{{printf "%6.2f|%-8s|%08.3f|%+.1e|%x" 3.14159 "ab" 3.14159 12345.0 "hi"}}',
      '  3.14|ab      |0003.142|+1.2e+04|6869',
    ],
    ['{{printf "%s %d %v" nil nil nil}}', '%!s(<nil>) %!d(<nil>) <nil>'],
    ['{{printf "%q %q" .Words 65}} {{printf "%[3]v %[1]v" 1 2}}', '["a" "b" "c"] \'A\' %!v(BADINDEX) 1'],
    ['{{printf "%.*f|%-*d|" 2 1.0 4 7}}', '1.00|7   |'],
    ['{{html "<a href=\'x\'>&"}}', '&lt;a href=&#39;x&#39;&gt;&amp;'],
    ['{{js "it\'s <b>"}}', "it\\'s \\u003Cb\\u003E"],
    ['{{urlquery "a b&c/é"}}', 'a+b%26c%2F%C3%A9'],
  ],
};

for (const [group, cases] of Object.entries(groups)) {
  describe(`the template language: ${group}`, () => {
    it.each(cases)('%s', (template, expected) => {
      expect(run(template)).toBe(expected);
    });
  });
}
