// Keyboard shortcuts. <a data-key="c" data-key-label="Comment"> is clicked or focused by its key, <a data-go="q"> by g and its key. A button that
// sends a form is only focused. [data-key-row] elements are walked by j and k, by arrows once one has the focus; 1 to 9 choose in a focused
// [data-scale]; Ctrl+Enter sends the form. They rest while a field has the focus and can be turned off in the list (?).
import { make, store, word } from "./dom.js";

const CHORD_MS = 1500;
let chordEnds = 0;

const isOff = () => store.get("keys") === "off";
const isTyping = (target) => target.closest("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]");

function walk(step, event) {
  const rows = [...document.querySelectorAll("[data-key-row]")];
  if (!rows.length) return;
  event.preventDefault();
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const row = rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + step))];
  (row.querySelector("a, button") ?? row).focus();
  row.scrollIntoView({ block: "nearest" });
}

function scale(event) {
  const group = event.target.closest("[data-scale]");
  const choices = group ? [...group.querySelectorAll("input[type=radio]")] : [];
  const isNumbered = choices.some((input) => /^-?\d+$/.test(input.value));
  const choice = isNumbered ? choices.find((input) => input.value === event.key) : choices[Number(event.key) - 1];
  if (!choice) return false;
  choice.checked = true;
  choice.focus();
  choice.dispatchEvent(new Event("change", { bubbles: true }));
  choice.dispatchEvent(new Event("input", { bubbles: true }));
  return true;
}

function use(element) {
  if (element.matches("input, textarea, select, [type=submit]")) element.focus();
  else element.click();
  if (element.matches("details[open] > summary")) (element.parentElement.querySelector("textarea") ?? element).focus();
}

function list() {
  const dialog = make("dialog", { "aria-labelledby": "keys-title" });
  dialog.append(make("h2", { id: "keys-title" }, word("shortcuts")));
  const table = make("dl", { class: "keys-table" });
  const row = (key, text) => {
    const term = make("dt");
    term.append(make("kbd", {}, key));
    table.append(term, make("dd", {}, text));
  };
  row("?", word("key-help"));
  if (document.querySelector("[data-key-row]")) {
    row("j", word("key-next"));
    row("k", word("key-previous"));
  }
  if (document.querySelector("[data-scale]")) row("0 … 9", word("key-scale"));
  if (document.querySelector("main form")) row("Ctrl Enter", word("key-submit"));
  const keys = new Map([...document.querySelectorAll("[data-key]")].reverse().map((element) => [element.dataset.key, element]));
  for (const element of [...keys.values()].reverse()) {
    const text = element.dataset.keyLabel ?? (element.dataset.key === "/" ? word("key-search") : element.textContent.trim());
    row(element.dataset.key, element.matches("[type=submit]") ? `${text} (${word("key-then-enter")})` : text);
  }
  const places = new Map([...document.querySelectorAll("[data-go]")].map((link) => [link.dataset.go, link.dataset.goLabel ?? link.textContent.trim()]));
  for (const [key, text] of places) row(`g ${key}`, text);
  const label = make("label", { class: "choice" });
  const toggle = make("input", { type: "checkbox" });
  toggle.checked = !isOff();
  toggle.addEventListener("change", () => (toggle.checked ? store.remove("keys") : store.set("keys", "off")));
  label.append(toggle, make("span", {}, word("shortcuts-on")));
  const close = make("button", { type: "button", class: "btn btn-small" }, word("close"));
  close.addEventListener("click", () => dialog.close());
  const body = make("div", { class: "stack" });
  body.append(dialog.firstChild, table, label, close);
  dialog.append(body);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

document.addEventListener("keydown", (event) => {
  if (isOff() || event.defaultPrevented || event.isComposing) return;
  if ((event.ctrlKey || event.metaKey) && event.key === "Enter") {
    const form = event.target.closest("form");
    if (form) {
      event.preventDefault();
      form.requestSubmit(form.querySelector(".btn-primary[type=submit]"));
    }
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || document.querySelector("dialog[open]")) return;
  const isChord = event.timeStamp < chordEnds;
  chordEnds = event.key === "g" ? event.timeStamp + CHORD_MS : 0;
  const element = document.querySelector(`[data-${isChord ? "go" : "key"}="${CSS.escape(event.key)}"]`);
  const isAtRow = document.activeElement?.closest("[data-key-row]");
  if (event.key === "?") list();
  else if (!isChord && scale(event)) event.preventDefault();
  else if (event.key === "j" || (isAtRow && event.key === "ArrowDown")) walk(1, event);
  else if (event.key === "k" || (isAtRow && event.key === "ArrowUp")) walk(-1, event);
  else if (element) {
    event.preventDefault();
    use(element);
  }
});

for (const button of document.querySelectorAll("[data-keys-open]")) {
  button.hidden = false;
  button.addEventListener("click", list);
}
