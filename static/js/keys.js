// Keyboard shortcuts. <a data-key="c" data-key-label="Comment"> is clicked or focused by its key; [data-key-row] elements are walked by j and k;
// 1 to 9 choose in a focused [data-scale]; Ctrl+Enter sends the form. They rest while a field has the focus and can be turned off in the list (?).
import { make, store, word } from "./dom.js";

const isOff = () => store.get("keys") === "off";
const isTyping = (target) => target.closest("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]");

function walk(step) {
  const rows = [...document.querySelectorAll("[data-key-row]")];
  if (!rows.length) return;
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const row = rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + step))];
  (row.querySelector("a, button") ?? row).focus();
  row.scrollIntoView({ block: "nearest" });
}

function scale(event) {
  const group = event.target.closest("[data-scale]");
  const choices = group ? [...group.querySelectorAll("input[type=radio]")] : [];
  const choice = choices.find((input) => input.value === event.key) ?? null;
  if (!choice) return false;
  choice.checked = true;
  choice.focus();
  choice.dispatchEvent(new Event("change", { bubbles: true }));
  choice.dispatchEvent(new Event("input", { bubbles: true }));
  return true;
}

function use(element) {
  if (element.matches("input, textarea, select")) element.focus();
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
    row(element.dataset.key, element.dataset.keyLabel ?? (element.dataset.key === "/" ? word("key-search") : element.textContent.trim()));
  }
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
      form.requestSubmit();
    }
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || document.querySelector("dialog[open]")) return;
  const element = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (event.key === "?") list();
  else if (scale(event)) event.preventDefault();
  else if (event.key === "j") walk(1);
  else if (event.key === "k") walk(-1);
  else if (element) {
    event.preventDefault();
    use(element);
  }
});

for (const button of document.querySelectorAll("[data-keys-open]")) {
  button.hidden = false;
  button.addEventListener("click", list);
}
