"""The renderer: nothing executable comes out, mathematics and prices survive, rendering stays quick."""

import html
import re
import time

import nh3
import pytest

from hle_site import markup

VECTORS = [
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.example/x.js></ScRiPt>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<body onload=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](&#x6A;avascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[x](vbscript:msgbox(1))",
    "[x](file:///etc/passwd)",
    '[x](https://a.example "onmouseover=alert(1)")',
    "[x](https://a.example/'onmouseover='alert(1))",
    '[x](https://a.example/"onmouseover="alert(1))',
    "[x]: javascript:alert(1)\n\n[x]",
    "<javascript:alert(1)>",
    "![x](javascript:alert(1))",
    "![x](https://evil.example/pixel.png)",
    '![x" onerror="alert(1)](y)',
    "![<script>alert(1)</script>](y)",
    '$"><script>alert(1)</script>$',
    "$<img src=x onerror=alert(1)>$",
    '$$\n"><script>alert(1)</script>\n$$',
    '\\("><svg onload=alert(1)>\\)',
    r"$\href{javascript:alert(1)}{x}$",
    "`<script>alert(1)</script>`",
    "```\n</code></pre><script>alert(1)</script>\n```",
    '```js" onclick="alert(1)\nx\n```',
    "<!--[if gte IE 4]><script>alert(1)</script><![endif]-->",
    "<style>@import 'https://evil.example'</style>",
    "<p style='background:url(javascript:alert(1))'>x</p>",
    "<form action=https://evil.example><input name=q></form>",
    "<base href=https://evil.example>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<object data=x></object><embed src=x>",
    "\x00<script>alert(1)</script>",
    "<scr\x00ipt>alert(1)</scr\x00ipt>",
    "| a |\n|---|\n| <img src=x onerror=alert(1)> |",
    "> <script>alert(1)</script>",
    "https://a.example/<script>alert(1)</script>",
    "https://a.example/?q='onmouseover=alert(1)",
    "# <img src=x onerror=alert(1)>",
]
TAG = re.compile(r"<\s*/?\s*([a-zA-Z][^\s/>]*)([^>]*)>")
HARMLESS = {"p", "br", "hr", "em", "strong", "s", "code", "pre", "blockquote", "ul", "ol", "li", "a", "span", "div"}
HARMLESS |= {"h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"}


@pytest.mark.parametrize("vector", VECTORS)
@pytest.mark.parametrize("renderer", [markup.render, markup.render_inline])
def test_nothing_executable_comes_out(renderer, vector):
    shown = renderer(vector)

    attributes = []
    for name, rest in TAG.findall(shown):
        assert name.lower() in HARMLESS
        attributes += re.findall(r'([\w-]+)="([^"]*)"', rest)
    assert {name for name, _value in attributes} <= {"href", "title", "rel", "class", "data-tex", "start"}
    links = [html.unescape(value) for name, value in attributes if name == "href"]
    assert all(link.startswith(("http://", "https://", "mailto:")) for link in links)


def test_links_give_no_credit_and_no_window():
    assert markup.render("[x](https://a.example)") == (
        '<p><a href="https://a.example" rel="noopener nofollow ugc">x</a></p>\n'
    )


def test_pictures_leave_their_words_only():
    assert markup.render("![a cat](https://a.example/cat.png)") == '<p><span class="dropped-image">a cat</span></p>\n'


@pytest.mark.parametrize(
    "text", ["It costs $5 and $6.", "US$5 to US$6", "$5-$6", "I have $10, you have $20, right?", "$ 3 and 4 $"]
)
def test_prices_stay_prices(text):
    assert markup.render(text) == f"<p>{text}</p>\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("$x^2$", '<p><span class="math" data-tex="x^2">x^2</span></p>\n'),
        ("$a_b$ and $c_d$", '<p><span class="math" data-tex="a_b">a_b</span> and <span class="math" data-tex="c_d">c_d</span></p>\n'),
        (r"\(a_b_c\)", '<p><span class="math" data-tex="a_b_c">a_b_c</span></p>\n'),
        ("a $$y$$ b", '<p>a <span class="math math-display" data-tex="y">y</span> b</p>\n'),
        ("$$\nx\n$$", '<div class="math math-display" data-tex="x">x</div>\n'),
        ("\\[\nx\n+ y\n\\]", '<div class="math math-display" data-tex="x\n+ y">x\n+ y</div>\n'),
        ("\\begin{align}\na\n- b\n\\end{align}", '<div class="math math-display" data-tex="\\begin{align}\na\n- b\n\\end{align}">\\begin{align}\na\n- b\n\\end{align}</div>\n'),
        ("$a<b$", '<p><span class="math" data-tex="a&lt;b">a&lt;b</span></p>\n'),
        ("`$x$`", "<p><code>$x$</code></p>\n"),
        (r"\( and no end", "<p>( and no end</p>\n"),
        (r"\$5", "<p>$5</p>\n"),
        ("$a$ at 17", '<p><span class="math" data-tex="a">a</span> at 17</p>\n'),
        ("$5 and $6", "<p>$5 and $6</p>\n"),
    ],
)  # fmt: skip
def test_mathematics_survives_as_typed(text, shown):
    assert markup.render(text) == shown


def test_double_dollars_never_split_a_paragraph():
    assert markup.render("one $$x$$ two").count("<p>") == 1


def test_headings_stand_below_those_of_the_page():
    assert markup.render("# a\n\n###### b") == "<h3>a</h3>\n<h6>b</h6>\n"


def test_bare_words_with_a_dot_are_no_links():
    assert markup.render("x.in, e.g. node.js, a@b.example") == "<p>x.in, e.g. node.js, a@b.example</p>\n"


def test_overrides_of_direction_are_named():
    assert markup.render("a\u202eb\u2066c\U000e0041") == "<p>a⟦U+202E⟧b⟦U+2066⟧c⟦U+E0041⟧</p>\n"


def test_right_to_left_writing_stays_as_it_is():
    assert markup.render("שלום \u200fعربي") == "<p>שלום \u200fعربي</p>\n"


def test_control_characters_and_half_pairs_are_replaced():
    assert markup.render("a\x00b\x1bc\ud800d") == "<p>a\ufffdb\ufffdc\ufffdd</p>\n"


def test_no_text_is_no_html():
    assert (markup.render(""), markup.render(None), markup.plain(None)) == ("", "", "")


@pytest.mark.parametrize("vector", [*VECTORS, "$x$ *a* [b](https://c.example)", "1. a\n2. b"])
def test_output_is_a_fixed_point_of_the_sanitiser(vector):
    once = markup.render(vector)

    assert markup._SANITISER.clean(once) == once
    assert nh3.clean_text(markup.plain(vector)).lower().count("<script") == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# Title\n\nWhat is *the* $x^2$?\n\n![a cat](b)", "Title What is the x²? a cat"),
        (r"Find $\frac{a+1}{\sqrt{2}}$.", "Find (a+1)/√2."),
        (r"Is $x_{10} \le \alpha^{n+1}$ in $\mathbb{R}^3$?", "Is x₁₀ ≤ αⁿ⁺¹ in ℝ³?"),
        (r"\[ \int_0^\infty e^{-x^2}\,dx \]", "∫₀^∞ e^(-x²) dx"),
        (r"$\text{rank}(A) = \operatorname{tr} \left( B \right)$", "rank(A) = tr ( B )"),
        (r"$\{1, \ldots, n\}$ of \(\mathcal{F}\)", "{1, …, n} of F"),
        (r"It costs $5 and $6.", "It costs $5 and $6."),
        (r"$\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}$", "1 2 3 4"),
        (r"$\unheardof{x} + \foo$", "unheardofx + foo"),
        (r"A lone \alpha and $\frac{1$", r"A lone \alpha and frac{1"),
    ],
)
def test_plain_reads_as_words(text, words):
    assert markup.plain(text) == words


@pytest.mark.parametrize("piece", ["{", "\\frac{", "^{", "_", "\\sqrt{", "\\begin{a}", "{}", "^^", "\\\\"])
def test_plain_ends_whatever_is_piled_up(piece):
    assert isinstance(markup.plain(f"${piece * 2000}$"), str)


def test_inline_has_no_paragraph():
    assert markup.render_inline("**a** $b$") == '<strong>a</strong> <span class="math" data-tex="b">b</span>'


def test_text_beyond_the_limit_is_shown_as_typed():
    shown = markup.render("*" + "a" * markup.LONGEST)

    assert shown.startswith("<pre>*aaa")


PILES = {
    "brackets": "[", "images": "![", "stars": "*a ", "dollars": "$", "dollar words": "$a ", "double dollars": "$$a ",
    "round": "\\(", "square": "\\[\n", "environments": "\\begin{align}\n", "quotes": ">", "lists": "- ", "links": "[a](b",
    "addresses": "http://a.", "table": "|a", "entities": "&amp", "backslashes": "\\", "underscores": "_a",
}  # fmt: skip


@pytest.mark.parametrize("pile", PILES.values(), ids=PILES.keys())
def test_twenty_thousand_characters_take_bounded_time(pile):
    text = (pile * 20_000)[:20_000]

    start = time.process_time()
    markup.render(text)

    assert time.process_time() - start < 5  # a second on a slow machine; quadratic growth takes minutes


def test_deep_nesting_is_cut():
    shown = markup.render("\n".join("  " * depth + "- a" for depth in range(200)))

    assert shown.count("<ul>") <= markup.DEEPEST
