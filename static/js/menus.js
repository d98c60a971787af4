// Menus are <details data-menu>: they work without script; here they close by Escape and when a click or the focus goes elsewhere. The choice of colours.
import { store } from "./dom.js";

const opened = () => document.querySelectorAll("details[data-menu][open]");

const closeOthers = (event) => {
  for (const menu of opened()) if (!menu.contains(event.target)) menu.open = false;
};
document.addEventListener("click", closeOthers);
document.addEventListener("focusin", closeOthers);
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of opened()) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

for (const choice of document.querySelectorAll("[data-theme-choice]")) {
  choice.hidden = false;
  const current = store.get("theme") ?? "";
  for (const input of choice.querySelectorAll("input")) {
    input.checked = input.value === current;
    input.addEventListener("change", () => {
      if (input.value) {
        document.documentElement.dataset.theme = input.value;
        store.set("theme", input.value);
      } else {
        delete document.documentElement.dataset.theme;
        store.remove("theme");
      }
    });
  }
}
