"""Markdown with LaTeX to safe HTML: the one renderer of the site and the only place that marks text safe.

What comes out has passed an allow-list sanitiser. Mathematics stays as typed, in `data-tex` and as text; the page's
script draws it.
"""

import re
from collections.abc import Iterator

import nh3
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.dollarmath.index import math_inline_dollar

LONGEST = 100_000  # characters; a longer text is shown as typed, so that rendering stays within a second
DEEPEST = 20  # levels of quotes and lists

# Bidirectional overrides and isolates reorder what people read; tag characters are invisible yet read by models.
_VISIBLE = re.compile("[\u202a-\u202e\u2066-\u2069\U000e0001-\U000e007f]")
_DROPPED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]")

_ENVIRONMENT = (
    r"\\begin\{((?:equation|align|gather|multline|alignat|split|cases|matrix|pmatrix|bmatrix|vmatrix|array)\*?)\}"
)
_OPENING = re.compile(rf"\\\[|\\\(|{_ENVIRONMENT}")

_TAGS = {
    *("p", "br", "hr", "em", "strong", "s", "code", "pre", "blockquote", "ul", "ol", "li", "a", "span", "div"),
    *("h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"),
}
_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}, "span": {"data-tex"}, "div": {"data-tex"}}
_CLASSES = {"span": {"math", "math-display", "dropped-image"}, "div": {"math", "math-display"}}
_SANITISER = nh3.Cleaner(
    tags=_TAGS,
    attributes=_ATTRIBUTES,
    allowed_classes=_CLASSES,
    url_schemes={"http", "https", "mailto"},
    link_rel="noopener nofollow ugc",
    generic_attribute_prefixes=set(),
)


def _closing(text: str, opening: re.Match[str]) -> tuple[int, int, int]:
    """Return (start of the mathematics, its end, end of the closing mark), or three times -1 without a closing mark."""
    environment = opening.group(1)
    mark = f"\\end{{{environment}}}" if environment else {"\\[": "\\]", "\\(": "\\)"}[opening.group(0)]
    at = text.find(mark, opening.end())
    if at < 0:
        return -1, -1, -1
    end = at + len(mark)
    return (opening.start(), end, end) if environment else (opening.end(), at, end)


def _backslash_math(state: StateInline, silent: bool) -> bool:
    r"""Read `\(...\)`, `\[...\]` and bare environments inside a paragraph."""
    if state.src[state.pos] != "\\":
        return False
    opening = _OPENING.match(state.src, state.pos)
    if opening is None:
        return False
    start, stop, end = _closing(state.src, opening)
    if end < 0 or end > state.posMax or not state.src[start:stop].strip():
        return False
    if not silent:
        token = state.push("math_inline" if opening.group(0) == "\\(" else "math_inline_double", "math", 0)
        token.content = state.src[start:stop].strip()
    state.pos = end
    return True


def _backslash_math_block(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    r"""Read `\[...\]` and bare environments that begin a line, where a line starting with + or - is no list."""
    if state.is_code_block(start_line):
        return False
    at = state.bMarks[start_line] + state.tShift[start_line]
    opening = _OPENING.match(state.src, at)
    if opening is None or opening.group(0) == "\\(":
        return False
    start, stop, end = _closing(state.src, opening)
    last = next((n for n in range(start_line, end_line) if state.eMarks[n] >= end), -1) if end > 0 else -1
    if last < 0 or state.src[end : state.eMarks[last]].strip() or not state.src[start:stop].strip():
        return False
    if not silent:
        token = state.push("math_block", "math", 0)
        token.block, token.content, token.map = True, state.src[start:stop].strip(), [start_line, last + 1]
        state.line = last + 1
    return True


# "costs $5 and $6" stays a price only with both settings
_DOLLARS = math_inline_dollar(allow_space=False, allow_digits=False, allow_double=True)


def _dollar_math(state: StateInline, silent: bool) -> bool:
    """Read `$...$`, also where the text begins with it: there the plugin takes the last character for the one before."""
    text = state.src
    state.src = text if state.pos else text + "\n"
    found = _DOLLARS(state, silent)
    state.src = text
    return found


def _lower_headings(state: StateCore) -> None:
    """Make a heading of the text a lower one of the page: # becomes h3."""
    for token in state.tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(6, int(token.tag[1]) + 2)}"


def _inline_math(_self: object, tokens: list[Token], at: int, *_rest: object) -> str:
    tex = escape(tokens[at].content.strip())
    return f'<span class="math" data-tex="{tex}">{tex}</span>'


def _display_math(_self: object, tokens: list[Token], at: int, *_rest: object) -> str:
    """A span, not a div: double dollars inside a paragraph would otherwise split it."""
    tex = escape(tokens[at].content.strip())
    return f'<span class="math math-display" data-tex="{tex}">{tex}</span>'


def _block_math(_self: object, tokens: list[Token], at: int, *_rest: object) -> str:
    tex = escape(tokens[at].content.strip())
    return f'<div class="math math-display" data-tex="{tex}">{tex}</div>\n'


def _dropped_image(_self: object, tokens: list[Token], at: int, *_rest: object) -> str:
    """Pictures are uploaded, never linked: the page must not call a foreign host. Their words stay."""
    return f'<span class="dropped-image">{escape(tokens[at].content)}</span>'


def _parser() -> MarkdownIt:
    md = MarkdownIt("commonmark", {"html": False, "linkify": True, "maxNesting": DEEPEST})
    md.enable(["table", "strikethrough", "linkify"])
    if md.linkify is not None:
        md.linkify.set({"fuzzy_link": False, "fuzzy_email": False, "fuzzy_ip": False})
    md.use(dollarmath_plugin, allow_labels=False)
    md.inline.ruler.at("math_inline", _dollar_math)
    md.inline.ruler.before("escape", "backslash_math", _backslash_math)
    interrupts = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    md.block.ruler.before("fence", "backslash_math_block", _backslash_math_block, interrupts)
    md.core.ruler.push("lower_headings", _lower_headings)
    md.add_render_rule("math_inline", _inline_math)
    md.add_render_rule("math_inline_double", _display_math)
    md.add_render_rule("math_block", _block_math)
    md.add_render_rule("image", _dropped_image)
    return md


_MARKDOWN = _parser()


def readable(text: str) -> str:
    """Return the text without control characters, overrides of direction and tag characters named, as in ⟦U+202E⟧."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _DROPPED.sub("\ufffd", text)
    return _VISIBLE.sub(lambda found: f"⟦U+{ord(found.group()):04X}⟧", text)


def _safe(html: str) -> SafeString:
    return mark_safe(_SANITISER.clean(html))  # noqa: S308 - the sanitiser's own output


def render(text: str) -> SafeString:
    """Return Markdown with mathematics as blocks of safe HTML."""
    text = readable(text or "")
    if len(text) > LONGEST:
        return _safe(f"<pre>{escape(text)}</pre>")
    return _safe(_MARKDOWN.render(text))


def render_inline(text: str) -> SafeString:
    """Return Markdown with mathematics as one line of safe HTML, without paragraphs."""
    text = readable(text or "")
    if len(text) > LONGEST:
        return _safe(escape(text))
    return _safe(_MARKDOWN.renderInline(text))


_GROUP = r"\{([^{}]*)\}"
_SPOKEN = (
    (re.compile(rf"\\[dt]?frac\s*{_GROUP}\s*{_GROUP}"), lambda found: f"{_part(found[1])}/{_part(found[2])}"),
    (re.compile(r"\^\s*(?:\\circ(?![a-zA-Z])|\{\s*\\circ\s*\})"), lambda _found: "°"),
    (re.compile(rf"\\sqrt\s*{_GROUP}"), lambda found: f"√{_part(found[1])}"),
    (re.compile(rf"\^\s*(?:{_GROUP}|(\w))"), lambda found: _raised(found, _UPPER, "^")),
    (re.compile(rf"_\s*(?:{_GROUP}|(\w))"), lambda found: _raised(found, _LOWER, "_")),
    (re.compile(rf"\\mathbb\s*{_GROUP}"), lambda found: found[1].translate(_BLACKBOARD)),
    (re.compile(rf"\\(?:text\w*|math\w+|operatorname\*?|mbox)\s*{_GROUP}"), lambda found: found[1]),
    (re.compile(rf"\\(?:begin|end){_GROUP}"), lambda _found: " "),
)
_BRACES = re.compile(_GROUP)
_SYMBOLS = dict(
    re.findall(
        r"(\w+)=(\S+)",
        "times=× cdot=· div=÷ pm=± mp=∓ ast=* circ=∘ oplus=⊕ otimes=⊗ le=≤ leq=≤ ge=≥ geq=≥ ne=≠ neq=≠ "
        "approx=≈ equiv=≡ sim=∼ cong=≅ to=→ rightarrow=→ mapsto=↦ implies=⇒ Rightarrow=⇒ iff=⇔ in=∈ notin=∉ "
        "subset=⊂ subseteq=⊆ cup=∪ cap=∩ setminus=∖ emptyset=∅ forall=∀ exists=∃ neg=¬ land=∧ lor=∨ infty=∞ "
        "sum=∑ prod=∏ int=∫ partial=∂ nabla=∇ ldots=… dots=… cdots=… prime=′ degree=° mid=| ell=ℓ hbar=ℏ "
        "alpha=α beta=β gamma=γ delta=δ epsilon=ε varepsilon=ε zeta=ζ eta=η theta=θ iota=ι kappa=κ lambda=λ "
        "mu=μ nu=ν xi=ξ pi=π rho=ρ sigma=σ tau=τ phi=φ varphi=φ chi=χ psi=ψ omega=ω Gamma=Γ Delta=Δ Theta=Θ "
        "Lambda=Λ Xi=Ξ Pi=Π Sigma=Σ Phi=Φ Psi=Ψ Omega=Ω langle=⟨ rangle=⟩ lfloor=⌊ rfloor=⌋ lceil=⌈ rceil=⌉ ",
    )
)
_SILENT = {
    *(size + side for size in ("big", "Big", "bigg", "Bigg") for side in ("", "l", "r", "m")),
    *("left", "right", "middle", "displaystyle", "textstyle", "limits", "quad", "qquad"),
}
_UPPER = str.maketrans("0123456789+-=()ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱ")
_LOWER = str.maketrans("0123456789+-=()aeijknx", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑᵢⱼₖₙₓ")
_BLACKBOARD = str.maketrans("CNQRZ", "ℂℕℚℝℤ")
_COMMAND = re.compile(r"\\([a-zA-Z]+)|\\(.)|~|&", re.DOTALL)


def _part(text: str) -> str:
    return text if re.fullmatch(r"√?\w*|\d+\.\d+|\\[a-zA-Z]+", text.strip()) else f"({text.strip()})"


def _raised(found: re.Match[str], letters: dict[int, int], mark: str) -> str:
    text = (found[1] if found[1] is not None else found[2]).strip()
    return text.translate(letters) if all(ord(char) in letters for char in text) else f"{mark}{_part(text)}"


def _command(found: re.Match[str]) -> str:
    if name := found[1]:
        return " " if name in _SILENT else _SYMBOLS.get(name, name)
    return found[2] if found[2] in ("{", "}", "%", "$", "#", "_") else " "


def _spoken(tex: str) -> str:
    """Return mathematics as words and signs that read well on one line; what is not known stays without its backslash."""
    tex = tex.replace(r"\{", "\ue000").replace(r"\}", "\ue001")
    for _level in range(DEEPEST):  # from the innermost braces outwards
        before = tex
        for pattern, words in _SPOKEN:
            tex = pattern.sub(words, tex)
        if tex == before:
            tex = _BRACES.sub(r"\1", tex)
        if tex == before:
            break
    return _COMMAND.sub(_command, tex).replace("\ue000", "{").replace("\ue001", "}")


def _texts(tokens: list[Token]) -> Iterator[str]:
    for token in tokens:
        if token.type.startswith("math_"):
            yield _spoken(token.content)
        elif token.type == "image" or not token.children:
            yield token.content or " "
        else:
            yield from _texts(token.children)


def plain(text: str) -> str:
    """Return the words of the text on one line, without Markdown and LaTeX: for lists and titles, never for reading a question."""
    text = readable(text or "")
    if len(text) > LONGEST:
        return " ".join(text.split())
    return " ".join("".join(_texts(_MARKDOWN.parse(text))).split())
