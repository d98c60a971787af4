// Draws .math elements with KaTeX, loaded when a page first holds one. Without script the LaTeX stays readable as it is.
import { each, reach } from "./dom.js";

const { setAttribute } = Element.prototype;

let library = null;

function load() {
  library ??= new Promise((resolve, reject) => {
    const sheet = document.createElement("link");
    sheet.rel = "stylesheet";
    sheet.href = document.body.dataset.katexCss;
    document.head.append(sheet);
    const script = document.createElement("script");
    script.src = document.body.dataset.katexJs;
    script.onload = () => resolve(window.katex);
    script.onerror = reject;
    document.head.append(script);
  });
  return library;
}

/** Run `render`; styles that KaTeX writes as attributes, which the content security policy refuses, become properties. */
function withStyles(render) {
  Element.prototype.setAttribute = function (name, value) {
    if (name === "style") this.style.cssText = value;
    else setAttribute.call(this, name, value);
  };
  try {
    render();
  } finally {
    Element.prototype.setAttribute = setAttribute;
  }
}

async function draw(element) {
  const tex = element.dataset.tex ?? element.textContent;
  const katex = await load();
  const displayMode = element.classList.contains("math-display") && !element.closest(".row-title");
  try {
    withStyles(() =>
      katex.render(tex, element, {
        displayMode,
        throwOnError: false,
        trust: false,
        strict: false,
        maxExpand: 300,
        maxSize: 20,
        errorColor: "currentColor",
      }),
    );
  } catch {
    element.textContent = tex;
    element.classList.add("math-bad");
    return;
  }
  if (element.querySelector(".katex-error")) element.classList.add("math-bad");
  element.classList.add("math-done");
  reach(element);
  void document.fonts?.ready.then(() => reach(element));
}

each(".math", (element) => void draw(element).catch(() => element.classList.add("math-bad")));

// Copying a formula gives its LaTeX.
document.addEventListener("copy", (event) => {
  const selection = document.getSelection();
  if (!selection || selection.isCollapsed) return;
  const part = selection.getRangeAt(0).cloneContents();
  const formulas = part.querySelectorAll(".math-done[data-tex]");
  if (!formulas.length) return;
  for (const formula of formulas) {
    const mark = formula.classList.contains("math-display") ? "$$" : "$";
    formula.replaceWith(mark + formula.dataset.tex + mark);
  }
  event.clipboardData.setData("text/plain", part.textContent);
  event.preventDefault();
});
