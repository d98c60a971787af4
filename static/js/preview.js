// <textarea data-preview="URL" data-preview-into="ID">: shows the text as the site renders it, a moment after the last key.
// The URL takes POST `text` and answers with the HTML of the site's one renderer.
import { csrfHeaders, each } from "./dom.js";

const PAUSE_MS = 400;

each("[data-preview]", (field) => {
  const target = document.getElementById(field.dataset.previewInto);
  if (!target) return;
  let timer = 0;
  let running = null;
  let shown = null;

  async function show() {
    const text = field.value;
    if (text === shown) return;
    running?.abort();
    running = new AbortController();
    try {
      const response = await fetch(field.dataset.preview, {
        method: "POST",
        body: new URLSearchParams({ text }),
        headers: csrfHeaders(field.form),
        credentials: "same-origin",
        signal: running.signal,
      });
      if (!response.ok || response.redirected) return;
      target.innerHTML = await response.text(); // sanitised by the renderer of the site
      shown = text;
      target.dispatchEvent(new CustomEvent("site:load", { bubbles: true }));
    } catch {
      // overtaken by the next key, or offline: the last preview stays
    }
  }

  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(show, PAUSE_MS);
  });
  if (field.value) void show();
});
