// <form data-autosave="URL" data-autosave-key="question-ID">: saves two seconds after the last key and keeps a copy in the browser until the site has it.
// The URL takes the form as POST and answers JSON: 200 {saved_at, version}, or 409 when `version` (a hidden field of the form) is not the newest.
// A button pressed during a save waits for it, so that the form goes with the version that the save has made.
// <span data-autosave-stamp role="status"> inside the form shows the state. Any other answer leaves the copy in the browser and is tried again.
import { csrfHeaders, each, loggedOut, notice, store, word } from "./dom.js";

const PAUSE_MS = 2000;
const RETRY_MS = 15000;
const LONGEST_MS = 20000;

function texts(form) {
  const kept = [];
  for (const field of form.elements) {
    const isText = field.matches("textarea, select, input:not([type=file], [type=password], [type=hidden], [type=submit], [type=button])");
    if (!field.name || !isText) continue;
    kept.push([field.name, field.type === "checkbox" || field.type === "radio" ? [field.value, field.checked] : field.value]);
  }
  return kept;
}

function putBack(form, kept) {
  const used = new Map();
  for (const [name, value] of kept) {
    const at = used.get(name) ?? 0;
    used.set(name, at + 1);
    const field = [...form.elements].filter((element) => element.name === name && element.type !== "hidden")[at];
    if (!field) continue;
    if (Array.isArray(value)) field.checked = value[1];
    else field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

function start(form) {
  const key = `draft:${form.dataset.autosaveKey}`;
  const stamp = form.querySelector("[data-autosave-stamp]");
  let timer = 0;
  let isBusy = false;
  let isChanged = false;
  let isPaused = false;
  let waiting = null; // the submit event that came while a save was under way

  const show = (state, text) => {
    if (!stamp) return;
    stamp.dataset.state = state;
    stamp.textContent = text;
  };
  const plan = (ms) => {
    clearTimeout(timer);
    timer = setTimeout(save, ms);
  };

  async function save() {
    if (isPaused || !isChanged) return;
    if (isBusy) {
      plan(PAUSE_MS);
      return;
    }
    isBusy = true;
    isChanged = false;
    show("saving", word("saving"));
    const body = new FormData(form);
    for (const field of form.querySelectorAll("input[type=file][name]")) body.delete(field.name);
    try {
      const response = await fetch(form.dataset.autosave, {
        method: "POST",
        body,
        headers: { ...csrfHeaders(form), Accept: "application/json" },
        credentials: "same-origin",
        signal: AbortSignal.timeout(LONGEST_MS),
      });
      await take(response);
    } catch {
      failed();
    }
    isBusy = false;
    if (waiting) form.requestSubmit(waiting.submitter);
  }

  async function take(response) {
    if (loggedOut(response)) {
      isPaused = true;
      show("failed", word("not-saved"));
      notice("warning", word("logged-out"));
    } else if (response.status === 409) {
      isPaused = true;
      show("conflict", word("not-saved"));
      notice("error", word("conflict"));
    } else if (response.ok) {
      const answer = await response.json();
      const version = form.elements.namedItem("version");
      if (version && answer.version !== undefined) version.value = answer.version;
      if (!isChanged) store.remove(key);
      const at = new Date(answer.saved_at ?? Date.now());
      show("saved", `${word("saved")} ${at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" })}`);
    } else {
      failed();
    }
  }

  function failed() {
    isChanged = true;
    show("failed", word("not-saved"));
    plan(RETRY_MS);
  }

  const rescued = store.get(key);
  if (rescued === JSON.stringify(texts(form))) {
    store.remove(key);
  } else if (rescued) {
    notice("warning", word("rescued"), [
      [word("restore"), () => putBack(form, JSON.parse(rescued))],
      [word("discard"), () => store.remove(key)],
    ]);
  }

  form.addEventListener("input", () => {
    isChanged = true;
    store.set(key, JSON.stringify(texts(form)));
    if (form.dataset.autosave) plan(PAUSE_MS);
  });
  form.addEventListener("submit", (event) => {
    clearTimeout(timer);
    waiting = isBusy ? event : null;
    if (isBusy) event.preventDefault(); // else it would meet its own save as one of another window
    else isPaused = true; // the page that answers decides; a failed send leaves the copy for the next visit
  });
  window.addEventListener("online", () => plan(0));
}

each("form[data-autosave-key]", start);

// A page that confirms a save names the drafts that are no longer needed: <meta name="draft-saved" content="question-ID">.
for (const meta of document.querySelectorAll("meta[name=draft-saved]")) store.remove(`draft:${meta.content}`);
