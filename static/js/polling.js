// <div id="check" data-poll="URL" data-poll-said="3 of 6 answered">: asks the URL with its ETag and puts the answer in its place.
// Polling ends by itself when the new fragment has no data-poll. It slows from 5 to 10 to 30 s while nothing changes and rests while the tab is hidden.
import { announce, each, loggedOut, notice, word } from "./dom.js";

const STEPS_S = [5, 5, 5, 10, 10, 10, 30];
const etags = new Map();

function replace(element, html) {
  const open = [...element.querySelectorAll("details[open][id]")].map((details) => details.id);
  const focused = element.contains(document.activeElement) ? document.activeElement.id : "";
  const holder = document.createElement("template");
  holder.innerHTML = html;
  const fresh = holder.content.firstElementChild;
  if (!fresh) return;
  element.replaceWith(fresh);
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  if (focused) document.getElementById(focused)?.focus();
  window.htmx?.process(fresh);
  fresh.dispatchEvent(new CustomEvent("site:load", { bubbles: true }));
  if (fresh.dataset.pollSaid) announce(fresh.dataset.pollSaid);
}

function poll(element) {
  const url = element.dataset.poll;
  let quiet = 0;
  let timer = 0;

  const plan = () => {
    clearTimeout(timer);
    timer = setTimeout(ask, STEPS_S[Math.min(quiet, STEPS_S.length - 1)] * 1000);
  };

  async function ask() {
    if (!element.isConnected) return;
    if (document.hidden) {
      document.addEventListener("visibilitychange", ask, { once: true });
      return;
    }
    const headers = { "HX-Request": "true", Accept: "text/html" };
    if (etags.has(url)) headers["If-None-Match"] = etags.get(url);
    try {
      const response = await fetch(url, { headers, credentials: "same-origin", cache: "no-store" });
      if (loggedOut(response)) {
        notice("warning", word("logged-out"));
        return;
      }
      if (response.status === 403 || response.status === 404) return;
      if (response.status === 200) {
        const html = await response.text();
        const etag = response.headers.get("ETag");
        if (etag) etags.set(url, etag);
        if (element.isConnected) replace(element, html);
        return; // the new fragment starts its own polling, if it wants any
      }
    } catch {
      // offline: ask again later, more slowly
    }
    quiet += 1;
    plan();
  }

  plan();
}

each("[data-poll]", poll);
