// A list of answer options that grows and shrinks. Without script the form shows enough empty rows; empty ones are ignored.
// <div data-options data-options-min="5" data-options-max="26"><div class="option-row" data-option>…<input name="options">…</div></div>
// <button type="button" data-option-add="ID of the list" hidden>
import { announce, each, make, word } from "./dom.js";

const letter = (index) => (index >= 26 ? String.fromCharCode(64 + Math.floor(index / 26)) : "") + String.fromCharCode(65 + (index % 26));

each("[data-options]", (list) => {
  const least = Number(list.dataset.optionsMin ?? 2);
  const most = Number(list.dataset.optionsMax ?? 26);
  const add = document.querySelector(`[data-option-add="${list.id}"]`);
  const rows = () => [...list.querySelectorAll("[data-option]")];

  function number() {
    const all = rows();
    all.forEach((row, index) => {
      for (const mark of row.querySelectorAll("[data-option-letter]")) mark.textContent = letter(index);
      const field = row.querySelector("input:not([type=radio]), textarea");
      if (field) {
        field.id = `${list.id}-${index}`;
        field.setAttribute("aria-label", `${word("option")} ${letter(index)}`);
      }
      for (const choice of row.querySelectorAll("input[type=radio]")) choice.value = letter(index);
      const remove = row.querySelector("[data-option-remove]");
      if (remove) {
        remove.hidden = all.length <= least;
        remove.setAttribute("aria-label", `${word("remove-option")} ${letter(index)}`);
      }
    });
    if (add) add.hidden = all.length >= most;
  }

  function equip(row) {
    if (row.querySelector("[data-option-remove]")) return;
    const remove = make("button", { type: "button", class: "btn btn-quiet btn-small", "data-option-remove": "" }, "×");
    row.append(remove);
  }

  list.addEventListener("click", (event) => {
    const remove = event.target.closest("[data-option-remove]");
    if (!remove) return;
    const row = remove.closest("[data-option]");
    const next = row.nextElementSibling ?? row.previousElementSibling;
    announce(remove.getAttribute("aria-label") ?? "");
    row.remove();
    number();
    next?.querySelector("input, textarea")?.focus();
    list.dispatchEvent(new Event("input", { bubbles: true }));
  });

  add?.addEventListener("click", () => {
    const fresh = rows().at(-1).cloneNode(true);
    for (const field of fresh.querySelectorAll("input:not([type=radio]), textarea")) {
      field.value = "";
      field.removeAttribute("aria-invalid");
    }
    for (const choice of fresh.querySelectorAll("input[type=radio]")) choice.checked = false;
    list.append(fresh);
    number();
    fresh.querySelector("input:not([type=radio]), textarea")?.focus();
  });

  rows().forEach(equip);
  number();
});
