// The focus goes to the summary of errors; characters are counted; a form is sent once; what only fits one choice is shown with it.
import { announce, each, word } from "./dom.js";

each("[data-focus-first]", (summary) => summary.focus());

// Links of the summary focus the field itself, also in a group or a closed part of the page.
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-focus-first] a[href^='#']");
  const field = link && document.getElementById(link.hash.slice(1));
  if (!field) return;
  event.preventDefault();
  field.closest("details:not([open])")?.setAttribute("open", "");
  const target = field.matches("fieldset, div") ? field.querySelector("input, select, textarea") : field;
  target?.focus();
});

each("[data-count-for]", (counter) => {
  const field = document.getElementById(counter.dataset.countFor);
  const most = Number(counter.dataset.countMax);
  if (!field) return;
  const show = () => {
    const left = most - [...field.value].length;
    counter.hidden = left > most * 0.2;
    counter.classList.toggle("over", left < 0);
    counter.textContent = left < 0 ? `${-left} ${word("over")}` : `${left} ${word("left")}`;
  };
  field.addEventListener("input", show);
  show();
});

// A second click does not send twice. The button stays enabled for the browser's own back and forward.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post" || form.hasAttribute("hx-post")) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  for (const button of form.querySelectorAll("[type=submit]")) button.setAttribute("aria-busy", "true");
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// <div data-show-when="answer_type=multipleChoice">: shown with that choice only; without script it is always shown.
each("[data-show-when]", (part) => {
  const [name, value] = part.dataset.showWhen.split("=");
  const form = part.closest("form");
  const show = () => {
    part.hidden = new FormData(form).get(name) !== value;
  };
  form?.addEventListener("change", (event) => event.target.name === name && show());
  if (form) show();
});

// <button type="button" data-copy="text" hidden>
each("[data-copy]", (button) => {
  if (!navigator.clipboard) return;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    announce(word("copied"));
    const label = button.textContent;
    button.textContent = word("copied");
    setTimeout(() => (button.textContent = label), 1500);
  });
});

// <form data-submit-on-change>: filters apply at once; without script their button does it.
each("form[data-submit-on-change]", (form) => {
  form.addEventListener("change", (event) => {
    if (event.target.matches("select, input[type=checkbox], input[type=radio]")) form.requestSubmit();
  });
});
