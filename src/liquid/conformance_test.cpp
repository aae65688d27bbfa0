#include <gtest/gtest.h>

#include "liquid/template.hpp"

namespace herald::liquid {
namespace {

/// The expected texts are what Shopify's own Liquid 5.4.0 printed in strict mode for this data.
constexpr std::string_view kData = R"({
    "name": "John",
    "user": {"name": "Ann", "first": "F", "plan": "pro", "tags": ["x", "y"], "k e y": "spaced"},
    "n": 3,
    "neg": -2,
    "price": 1.5,
    "one": 1.0,
    "zero": 0,
    "t": true,
    "f": false,
    "nothing": null,
    "es": "",
    "ws": "  \n ",
    "html": "<b>\"A\" & 'B'</b>",
    "list": ["a", "b", "c", "d"],
    "nums": [3, 1, 2],
    "nested": [[1, 2], [3, [4, null]]],
    "none": [],
    "nobody": {},
    "people": [{"n": "A", "age": 30}, {"n": "B"}],
    "map": {"x": 1, "y": 2},
    "key": "name",
    "idx": 1,
    "s3": "3",
    "utf": "élan Ünï",
    "size_of": {"size": 42},
    "big": 12345678901,
    "mixed": [1, "1", true, null]
})";

struct Case {
    std::string_view source;
    std::string_view printed;
};

void expect_printed(std::initializer_list<Case> cases) {
    const auto data = Json::parse(kData).value();
    for (const auto& c : cases) {
        const auto compiled = Template::compile(c.source, Escaping::none);
        ASSERT_TRUE(compiled) << c.source << ": " << compiled.error().message;
        const auto printed = compiled->render(data);
        ASSERT_TRUE(printed) << c.source << ": " << printed.error().message;
        EXPECT_EQ(*printed, c.printed) << c.source;
    }
}

TEST(ConformanceTest, FollowsPathsLikeShopify) {
    expect_printed({
        {"{{ name }}", "John"},
        {R"({{user.name}}|{{ user["name"] }}|{{ user['name'] }}|{{ user[key] }})", "Ann|Ann|Ann|Ann"},
        {R"({{ user["k e y"] }})", "spaced"},
        {"{{ list[0] }}{{ list[-1] }}{{ list[9] }}{{ list[-9] }}", "ad"},
        {"{{ list[idx] }}{{ list[people[0].age] }}", "b"},
        {R"({{ people[0].n }}{{ people[1]["n"] }}{{ people[1].age }})", "AB"},
        {"{{ list.size }} {{ list.first }} {{ list.last }}", "4 a d"},
        {"{{ user.size }} {{ user.first }} {{ size_of.size }}", "5 F 42"},
        {"{{ name.size }} {{ utf.size }} {{ name.first }}", "4 8 "},
        {R"({{ list["size"] }}{{ list["first"] }})", ""},
        {"{{ none.first }}{{ none.last }}{{ none.size }}", "0"},
        {"{{ map.first }} {{ map.last }}", "x1 "},
        {"{{ missing }}{{ missing.deeper.still }}{{ name.x }}{{ t.x }}{{ nothing.x }}", ""},
        {R"({{ map[0] }}{{ list["0"] }}{{ list[price] }}{{ name[0] }})", ""},
        {"{{ nested[1][1][0] }} {{ nested.last.last.first }}", "4 4"},
        {"{{ user.tags[0] }}{{ user.tags.last }}", "xy"},
        {"{{ a-b }}{{ user.na-me }}", ""},
    });
}

TEST(ConformanceTest, PrintsLikeShopify) {
    expect_printed({
        {"{{ t }} {{ f }} {{ nothing }} {{ n }} {{ neg }} {{ price }} {{ one }} {{ zero }} {{ big }}",
         "true false  3 -2 1.5 1.0 0 12345678901"},
        {R"({{ "str" }} {{ 'str' }} {{ 12 }} {{ -3 }} {{ 2.5 }} {{ true }} {{ false }} {{ nil }} )"
         "{{ null }}",
         "str str 12 -3 2.5 true false  "},
        {R"({{ empty }}{{ blank }}|{{ "" }})", "|"},
        {"{{ list }} {{ nested }} {{ none }}", "abcd 1234 "},
        {"{{ mixed }}", "11true"},
        {R"({{ "it's" }} {{ 'say "hi"' }})", R"(it's say "hi")"},
        {"{{ }}|{{}}|{{- -}}|{{-}}|", "||||"},
        {"{{ html }}", R"(<b>"A" & 'B'</b>)"},
        {"{{ (1..3) }}", "1..3"},
        {"}} %} } { {a} %", "}} %} } { {a} %"},
        {"{ { name } }", "{ { name } }"},
    });
}

TEST(ConformanceTest, ControlsWhitespaceLikeShopify) {
    expect_printed({
        {"a  {{- name -}}  b", "aJohnb"},
        {"a  {{- name }}  b", "aJohn  b"},
        {"a  {{ name -}}  b", "a  Johnb"},
        {"a \n\t {{- name -}} \n b {{- name }}", "aJohnbJohn"},
        {"{{- name -}}   {{- name -}}", "JohnJohn"},
        {"  {%- if t -%}  x  {%- endif -%}  y", "xy"},
        {"a {% if t -%} x {% endif %} b", "a x  b"},
        {"a {%- if f %} x {% else -%}  y {%- endif %} b", "ay b"},
        {"{% for x in list -%}\n  {{ x }},\n{%- endfor %}", "a,b,c,d,"},
        {"{% for x in list %}\n  {{- x -}}\n{% endfor %}", "abcd"},
        {"a {%- comment %} x {% endcomment -%} b", "ab"},
        {"a {%- assign z = 1 -%} b", "ab"},
        {"x{% if t %}  {% endif %}y", "xy"},
        {"x{% if t %}  {% assign q = 1 %} {% endif %}y{{ q }}", "xy1"},
        {"x{% if t %} \n {% comment %} c {% endcomment %} {% endif %}y", "xy"},
        {"x{% if f %}  {% else %} \n {% endif %}y", "xy"},
        {"x{% for i in list %}  {% endfor %}y", "xy"},
        {"x{% for i in none %}  {% else %}   {% endfor %}y", "xy"},
        {"x{% for i in list %} {% if t %} {% assign c = i %} {% endif %} {% endfor %}y{{ c }}", "xyd"},
        {"x{% if t %} {% if f %}z{% endif %} {% endif %}y", "x  y"},
        {"x{% for i in list %} {% break %} {% endfor %}y", "x y"},
        {"x{% if t %} {% raw %}{% endraw %} {% endif %}y", "xy"},
        {"x{% if t %} {% raw %} {% endraw %} {% endif %}y", "x   y"},
        {"x{% if t %} {{ }} {% endif %}y", "x  y"},
        {"x{% if t %}{{ nothing }} {% endif %}y", "x y"},
        {"x{% unless f %}  {% endunless %}y", "xy"},
    });
}

TEST(ConformanceTest, FiltersLikeShopify) {
    expect_printed({
        {"{{ name | upcase }}{{ name | downcase }}", "JOHNjohn"},
        {R"({{ "hELLO wORLD" | capitalize }}|{{ "" | capitalize }}|{{ "élan VITAL" | capitalize }})",
         "Hello world||Élan vital"},
        {R"({{ utf | upcase }} {{ utf | downcase }} {{ "ЖЁЩ ΑΒΓ" | downcase }})",
         "ÉLAN ÜNÏ élan ünï жёщ αβγ"},
        {"{{ n | upcase }}{{ t | upcase }}{{ nothing | upcase }}{{ missing | capitalize }}", "3TRUE"},
        {"{{ html | escape }}", "&lt;b&gt;&quot;A&quot; &amp; &#39;B&#39;&lt;/b&gt;"},
        {"{{ nothing | escape }}{{ n | escape }}{{ t | escape }}", "3true"},
        {R"({{ missing | default: "d" }} {{ nothing | default: "d" }} {{ f | default: "d" }} )"
         R"({{ es | default: "d" }} {{ none | default: "d" }} {{ nobody | default: "d" }})",
         "d d d d d d"},
        {R"({{ zero | default: "d" }} {{ t | default: "d" }} {{ name | default: "d" }} )"
         R"({{ list | default: "d" }}|{{ ws | default: "d" }}|)",
         "0 true John abcd|  \n |"},
        {R"({{ f | default: "d", allow_false: true }} {{ f | default: "d", allow_false: false }} )"
         R"({{ f | default: allow_false: true, "d" }})",
         "false d false"},
        {R"({{ nothing | default: "d", allow_false: true }} {{ es | default: "d", allow_false: true }} )"
         R"({{ none | default: "d", allow_false: t }})",
         "d d d"},
        {"{{ missing | default: name }} {{ missing | default: user.name | upcase }} "
         "{{ missing | default: missing }}",
         "John ANN "},
        {"{{ missing | default }}|{{ missing | default: 3 }} {{ missing | default: 2.5 }} "
         "{{ missing | default: nil }}",
         "|3 2.5 "},
        {R"({{ missing | upcase | default: "d" }} {{ empty | default: "d" }} {{ blank | default: "d" }})",
         "d d d"},
        {"{{ name|upcase|downcase|capitalize }}", "John"},
    });
}

TEST(ConformanceTest, DecidesLikeShopify) {
    expect_printed({
        {"{% if t %}y{% else %}n{% endif %}{% if f %}y{% else %}n{% endif %}{% if nothing %}y{% else %}n"
         "{% endif %}{% if missing %}y{% else %}n{% endif %}",
         "ynnn"},
        {"{% if zero %}y{% endif %}{% if es %}y{% endif %}{% if none %}y{% endif %}{% if nobody %}y"
         R"({% endif %}{% if "" %}y{% endif %})",
         "yyyyy"},
        {"{% if n == 3 %}y{% endif %}{% if n == 3.0 %}y{% endif %}{% if one == 1 %}y{% endif %}"
         "{% if n != 3 %}n{% endif %}{% if n <> 4 %}y{% endif %}",
         "yyyy"},
        {R"({% if s3 == 3 %}y{% else %}n{% endif %}{% if s3 == "3" %}y{% endif %}{% if s3 != 3 %}y)"
         "{% endif %}",
         "nyy"},
        {"{% if n > 2 %}1{% endif %}{% if n >= 3 %}2{% endif %}{% if n < 4 %}3{% endif %}{% if n <= 3 %}4"
         "{% endif %}{% if n < 3 %}5{% endif %}{% if price > 1 %}6{% endif %}{% if neg < 0 %}7{% endif %}",
         "123467"},
        {R"({% if "a" < "b" %}1{% endif %}{% if "b" < "a" %}2{% endif %}{% if "Z" < "a" %}3{% endif %})"
         R"({% if name >= "John" %}4{% endif %})",
         "134"},
        {"{% if nothing < 1 %}y{% else %}n{% endif %}{% if 1 > nothing %}y{% else %}n{% endif %}"
         "{% if nothing > nothing %}y{% else %}n{% endif %}",
         "nnn"},
        {"{% if t > f %}y{% else %}n{% endif %}{% if list < list %}y{% else %}n{% endif %}"
         "{% if nobody >= nobody %}y{% else %}n{% endif %}",
         "nnn"},
        {"{% if nothing == nil %}1{% endif %}{% if missing == nothing %}2{% endif %}{% if f == nil %}3"
         "{% endif %}{% if f == false %}4{% endif %}{% if t == true %}5{% endif %}{% if zero == false %}6"
         "{% endif %}",
         "1245"},
        {"{% if es == empty %}1{% endif %}{% if none == empty %}2{% endif %}{% if nobody == empty %}3"
         "{% endif %}{% if nothing == empty %}4{% endif %}{% if ws == empty %}5{% endif %}"
         "{% if zero == empty %}6{% endif %}{% if empty == es %}7{% endif %}",
         "1237"},
        {"{% if name != empty %}1{% endif %}{% if list != empty %}2{% endif %}{% if es != empty %}3"
         "{% endif %}{% if nothing != empty %}4{% endif %}{% if empty == empty %}5{% endif %}",
         "124"},
        {"{% if list == list %}1{% endif %}{% if user.tags == list %}2{% endif %}{% if map == map %}3"
         "{% endif %}{% if nested[0] == nums %}4{% endif %}{% if none == nobody %}5{% endif %}",
         "13"},
        {R"({% if name contains "oh" %}1{% endif %}{% if name contains "x" %}2{% endif %})"
         R"({% if list contains "b" %}3{% endif %}{% if list contains "z" %}4{% endif %})"
         R"({% if nums contains 1 %}5{% endif %}{% if nums contains "1" %}6{% endif %})",
         "135"},
        {R"({% if user contains "plan" %}1{% endif %}{% if user contains "zzz" %}2{% endif %})"
         R"({% if "a3" contains 3 %}3{% endif %}{% if nothing contains "x" %}4{% endif %})"
         "{% if name contains nothing %}5{% endif %}{% if n contains 3 %}6{% endif %}"
         "{% if mixed contains true %}7{% endif %}",
         "137"},
        {R"({% if name contains "" %}1{% endif %}{% if none contains "" %}2{% endif %})"
         "{% if nums contains 1.0 %}3{% endif %}{% if nested contains nums %}4{% endif %}",
         "13"},
        {"{% if t and f %}1{% endif %}{% if t or f %}2{% endif %}{% if f or f %}3{% endif %}"
         "{% if t and t %}4{% endif %}",
         "24"},
        {"{% if f and f or t %}1{% endif %}{% if t or f and f %}2{% endif %}{% if t and f or t %}3"
         "{% endif %}{% if f or t and f %}4{% endif %}",
         "23"},
        {R"({% if n == 3 and name == "John" or f %}1{% endif %}{% if n == 4 or name == "John" and t %}2)"
         "{% endif %}",
         "12"},
        {"{% if f %}1{% elsif n == 3 %}2{% elsif t %}3{% else %}4{% endif %}{% if f %}1{% elsif f %}2"
         "{% else %}4{% endif %}",
         "24"},
        {"{% unless f %}1{% endunless %}{% unless t %}2{% else %}3{% endunless %}{% unless t %}4"
         "{% elsif n == 3 %}5{% else %}6{% endunless %}",
         "135"},
        {R"({% if user.plan=="pro" %}1{% endif %}{% if user["plan"]!='pro' %}2{% endif %}{%if t%}3)"
         "{%endif%}",
         "13"},
        {"{% if n == zero %}1{% endif %}{% if n == price %}2{% endif %}{% if n != neg %}3{% endif %}"
         "{% if nums contains neg %}4{% endif %}{% if n == 2.5 %}5{% endif %}",
         "3"},
        {"{% if big > 12345678900 %}1{% endif %}{% if big == 12345678901 %}2{% endif %}", "12"},
        {R"({% if list.size > 3 %}1{% endif %}{% if list.first == "a" %}2{% endif %})"
         "{% if user.tags contains user.first %}3{% endif %}",
         "12"},
    });
}

TEST(ConformanceTest, LoopsLikeShopify) {
    expect_printed({
        {"{% for x in list %}{{ x }}{% endfor %}", "abcd"},
        {"{% for x in none %}{{ x }}{% else %}none{% endfor %}{% for x in missing %}{{ x }}"
         "{% else %}missing{% endfor %}",
         "nonemissing"},
        {"{% for x in n %}{{ x }}{% else %}number{% endfor %}{% for x in t %}{{ x }}{% else %}true"
         "{% endfor %}{% for x in es %}{{ x }}{% else %}empty{% endfor %}",
         "numbertrueempty"},
        {"{% for x in name %}[{{ x }}]{% endfor %}{% for x in name limit: 0 %}[{{ x }}]{% endfor %}"
         "{% for x in name offset: 5 %}[{{ x }}]{% endfor %}",
         "[John][John][John]"},
        {"{% for x in map %}{{ x[0] }}={{ x[1] }};{% endfor %}", "x=1;y=2;"},
        {"{% for x in map %}{{ x }};{{ x.first }}{{ x.last }}{{ x.size }};{% endfor %}", "x1;x12;y2;y22;"},
        {"{% for x in map reversed limit: 1 %}{{ x }}{% endfor %}", "x1"},
        {"{% for x in list limit: 2 %}{{ x }}{% endfor %} {% for x in list limit:2 offset:1 %}{{ x }}"
         "{% endfor %} {% for x in list offset: 3 %}{{ x }}{% endfor %}",
         "ab bc d"},
        {"{% for x in list offset: 9 %}{{ x }}{% else %}past{% endfor %}{% for x in list limit: 0 %}"
         "{{ x }}{% else %}zero{% endfor %}",
         "pastzero"},
        {"{% for x in list reversed %}{{ x }}{% endfor %} {% for x in list reversed limit: 2 offset: 1 %}"
         "{{ x }}{% endfor %}",
         "dcba cb"},
        {"{% for x in list limit: -1 %}{{ x }}{% else %}negative{% endfor %}{% for x in list offset: -2 %}"
         "{{ x }}{% endfor %} {% for x in list offset: -2 limit: 3 %}{{ x }}{% endfor %}",
         "negativeabcd a"},
        {"{% for x in list limit: idx %}{{ x }}{% endfor %} {% for x in list limit: s3 %}{{ x }}"
         "{% endfor %} {% for x in list limit: nothing %}{{ x }}{% endfor %}",
         "a abc abcd"},
        {"{% for x in list limit: 2 %}{{ x }}{% endfor %} {% for x in list offset: continue %}{{ x }}"
         "{% endfor %}",
         "ab cd"},
        {"{% for x in list limit: 1 %}{{ x }}{% endfor %} {% for x in list limit: 2 offset: continue %}"
         "{{ x }}{% endfor %} {% for x in list offset: continue %}{{ x }}{% endfor %}",
         "a bc d"},
        {"{% for x in list %}{{ forloop.index }}{{ forloop.index0 }}{{ forloop.rindex }}"
         "{{ forloop.rindex0 }}{{ forloop.first }}{{ forloop.last }}{{ forloop.length }} {% endfor %}",
         "1043truefalse4 2132falsefalse4 3221falsefalse4 4310falsetrue4 "},
        {"{% for x in list %}{{ x }}{% unless forloop.last %}, {% endunless %}{% endfor %}", "a, b, c, d"},
        {"{% for x in nums %}{% for y in nums %}{{ forloop.parentloop.index }}{{ forloop.index }} "
         "{% endfor %}{% endfor %}",
         "11 12 13 21 22 23 31 32 33 "},
        {"{% for x in list %}{{ forloop.name }} {{ forloop.parentloop }}{{ forloop.nope }}{% endfor %}",
         "x-list x-list x-list x-list "},
        {"{% for x in list reversed %}{{ forloop.index }}{{ x }}{% endfor %}", "1d2c3b4a"},
        {R"({% for x in list %}{% if x == "c" %}{% break %}{% endif %}{{ x }}{% endfor %}!)", "ab!"},
        {R"({% for x in list %}{% if x == "b" %}{% continue %}{% endif %}{{ x }}{% endfor %}!)", "acd!"},
        {"{% for x in nums %}{% for y in nums %}{% if y == 1 %}{% break %}{% endif %}{{ x }}{{ y }} "
         "{% endfor %}|{% endfor %}",
         "33 |13 |23 |"},
        {R"({% for x in list %}{% for y in none %}{% else %}{% if x == "c" %}{% break %}{% endif %})"
         "{% endfor %}{{ x }}{% endfor %}!",
         "ab!"},
        {"a{% break %}b", "a"},
        {"a{% if t %}{% continue %}{% endif %}b", "a"},
        {"{% for x in (1..3) %}{{ x }}{% endfor %} {% for x in (idx..n) %}{{ x }}{% endfor %} "
         "{% for x in (3..1) %}{{ x }}{% else %}empty{% endfor %} {% for x in (1..5) reversed limit: 2 %}"
         "{{ x }}{% endfor %}",
         "123 123 empty 21"},
        {"{% for x in list %}{{ x }}{% endfor %}{{ x }}{{ forloop.index }}", "abcd"},
        {R"({% for p in people %}{{ p.n }}{{ p.age | default: "?" }} {% endfor %})", "A30 B? "},
        {"{% for x in nested %}{% for y in x %}{{ y }}.{% endfor %}|{% endfor %}", "1.2.|3.4.|"},
        {"{% for x in user.tags %}{{ x }}{% endfor %}{% for x in people[0] %}{{ x[0] }}{% endfor %}",
         "xynage"},
    });
}

TEST(ConformanceTest, AssignsLikeShopify) {
    expect_printed({
        {R"({% assign a = 1 %}{{ a }}{% assign a = "two" | upcase %}{{ a }}{% assign a = list %})"
         "{{ a[1] }}",
         "1TWOb"},
        {R"({% assign name = "other" %}{{ name }}{% assign name = nil %}{{ name }})", "other"},
        {"{% for x in list %}{% assign y = x %}{% endfor %}{{ y }}", "d"},
        {R"({% for x in list %}{% assign x = "z" %}{{ x }}{% endfor %}{{ x }})", "abcdz"},
        {"{% for x in nums %}{% assign total = x %}{{ total }}{% endfor %}{{ total }}", "3122"},
        {R"({% if t %}{% assign inside = "in" %}{% endif %}{{ inside }})", "in"},
        {R"({% assign e = empty %}{% if e == "" %}1{% endif %}{{ e }})", "1"},
        {"{% assign r = (1..3) %}{% for x in r %}{{ x }}{% endfor %}", "123"},
        {"{% assign a = missing | default: user %}{{ a.name }}", "Ann"},
        {"{% assign forloop = 3 %}{{ forloop }}{% for x in nums %}{{ forloop.index }}{% endfor %}", "3123"},
    });
}

TEST(ConformanceTest, LeavesOutCommentsAndKeepsRawTextLikeShopify) {
    expect_printed({
        {"{% raw %}{{ name }} {% if %}{% endraw %}", "{{ name }} {% if %}"},
        {"{% raw %}{{% endraw %}x{% raw %}}}{% endraw %}", "{x}}"},
        {"{% comment %}{{ name | nope }}{% endcomment %}x", "x"},
        {"{% comment %}{% comment %}a{% endcomment %}b{% endcomment %}c", "c"},
        {"{% comment %}{% if t %}{% endif %}{% endcomment %}c", "c"},
        {"{%comment%}x{%endcomment%}y", "y"},
    });
}

}  // namespace
}  // namespace herald::liquid
