/** Chat templates: what the package computes, and an end to those that would run for ever. */
import assert from "node:assert/strict";
import { renderTemplate } from "../lib/text/template_budget.ts";

const PACKAGE = "npm:@huggingface/jinja@0.5.11";
const jinja = await import(PACKAGE);
const { Template } = jinja;

const VARIABLES = {
  messages: [
    { role: "system", content: "Answer in verse.\n" },
    { role: "user", content: " Who <b>are</b> you? " },
    { role: "assistant", content: "<think>hm</think>I am.", tool_calls: [{ name: "f", n: 2 }] },
  ],
  add_generation_prompt: true,
  bos_token: "<s>",
  eos_token: "</s>",
};

const SAME = [
  "{{ bos_token }}{% for m in messages %}<|{{ m.role }}|>\n{{ m['content'] | trim }}{{ eos_token }}" +
  "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}",
  "{% set ns = namespace(found=false, n=0) %}{% for m in messages %}{% if m.role == 'user' %}" +
  "{% set ns.found = true %}{% endif %}{% set ns.n = ns.n + loop.index %}{% endfor %}{{ ns.found }}{{ ns.n }}",
  "{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | join('|') }}",
  "{{ messages[2].content.split('</think>')[-1].lstrip('\\n') }}{{ messages[1:]|length }}",
  "{{ messages[2].tool_calls | tojson(indent=2) }}{{ messages[0] | tojson }}",
  "{% macro turn(m, end='!') %}[{{ m.role }}{{ end }}{{ caller() if caller }}]{% endmacro %}" +
  "{{ turn(messages[0], end='?') }}{% call turn(messages[1]) %}inner{% endcall %}{{ turn(*[messages[2]]) }}",
  "{{ messages[1].content.replace('<b>', '*').replace('</b>', '*').strip() }}",
  "{{ 'a' in messages[0].content and 'role' in messages[0] }}{{ 2 ** 3 // 3 ~ 'x' ~ [1, 'b'] }}",
  "{% for k, v in messages[0].items() %}{{ k }}={{ v | upper | indent(2) }};{% endfor %}",
  "{% for i in range(5) %}{% if i == 1 %}{% continue %}{% endif %}{% if i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %}",
  "{{ nothing | default('none', true) }}{{ range(4, 0, -2) | list }}{{ {'b': 1, 'a': 2} | dictsort }}",
  "{% filter upper %}{{ messages[0].content }}{% endfilter %}{{ 'x' if nothing is defined else 'y' }}",
];

const render = (template: string, variables: object = VARIABLES) =>
  renderTemplate(jinja, template, { ...variables });

Deno.test("templates make the text that the package makes", () => {
  for (const template of SAME) {
    assert.equal(render(template), new Template(template).render(VARIABLES), template);
  }
  assert.match(render("{{ strftime_now('%d %b %Y %H:%M %%') }}"), /^\d\d \w{3} \d{4} \d\d:\d\d %$/);
  assert.throws(() => render("{{ raise_exception('no system') }}"), /no system/);
});

Deno.test("a long conversation is within the budget", () => {
  const turn = (i: number) => ({
    role: i % 2 ? "assistant" : "user",
    content: "word ".repeat(200),
  });
  const messages = Array.from({ length: 500 }, (_, i) => turn(i));
  const template =
    "{% for m in messages %}{% if loop.index0 > 0 and messages[loop.index0 - 1].role == m.role %}" +
    "{{ raise_exception('twice') }}{% endif %}{% if '</think>' in m.content %}{% set content = " +
    "m.content.split('</think>')[-1] %}{% else %}{% set content = m.content %}{% endif %}" +
    "{{ '<|im_start|>' + m.role + '\\n' + content | trim + '<|im_end|>\\n' }}{% endfor %}";
  const text = render(template, { messages });
  assert.equal(text, new Template(template).render({ messages }));
  assert.ok(text.length > 500_000);
});

const STEPS = /takes more than 2000000 steps/;
const LONG = /a text or a list of more than 2000000 characters/;

/** Writes `x` after `times` assignments of `value` to it. */
const grown = (start: string, value: string, times = 40) =>
  `{% set ns = namespace(x=${start}) %}{% for i in range(${times}) %}{% set ns.x = ${value} %}` +
  "{% endfor %}{{ ns.x|length }}";

const ENDLESS: readonly [template: string, message: RegExp][] = [
  ["{% for i in range(1000000000) %}{% endfor %}", /range: expected at most 10000 numbers/],
  ["{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}", STEPS],
  ["{% macro f(n, g) %}{{ g(n, g) }}{% endmacro %}{{ f(0, f) }}", /call stack/],
  [
    "{% for a in range(9999) %}{% for b in messages %}{{ messages | tojson }}{% endfor %}{% endfor %}",
    LONG,
  ],
  [grown('"aaaa"', "ns.x + ns.x"), LONG],
  [grown('"aaaa"', "ns.x ~ ns.x"), LONG],
  [grown("[1, 2]", "ns.x + ns.x"), LONG],
  [grown("[1]", "[ns.x, ns.x]"), LONG],
  [grown("[1]", "{'a': ns.x, 'b': ns.x}"), LONG],
  [grown("[1]", "[ns.x]", 200), /nested more than 100 deep/],
  [grown("[1]", "[ns]"), /a namespace in another value/],
  [grown('"aaaa"', 'ns.x|replace("a", "aaaa")'), LONG],
  [grown('"aaaa"', 'ns.x.replace("a", "aaaa")'), LONG],
  [grown('["aa", "aa"]', '[ns.x|join("b"), ns.x|join("c")]'), LONG],
  [grown('"a\\na"', "ns.x|indent(1000000)"), LONG],
  [grown('"a\\na"', "ns.x|indent(width=100000000)"), LONG],
  [grown("[[1]]", "[[ns.x|tojson(indent=10000000)]]"), LONG],
  [`{% set x = "${"a".repeat(100_000)}" %}{{ ("b" + x) in x }}`, LONG],
  [`{% set x = "${"a".repeat(2_000)}" %}{% for i in range(9999) %}{{ x in x }}{% endfor %}`, STEPS],
  ["x".repeat(250_001), /expected at most 250000 characters, got 250001/],
  ["{{ " + "(".repeat(100_000), /call stack|Expected|Unexpected/],
];

for (const [template, message] of ENDLESS) {
  Deno.test(`a template ends with a message: ${template.slice(0, 90)}`, () => {
    const start = performance.now();
    assert.throws(() => render(template), message);
    const seconds = (performance.now() - start) / 1000;
    assert.ok(seconds < 10, `${seconds} s`); // less than 2 on an idle machine
  });
}
