// What every module needs: find elements now and after each swap, the translated sentences, the live region, storage that never throws.

/** Call `start(element)` once for each present and future element that matches. */
export function each(selector, start) {
  const seen = new WeakSet();
  const visit = (root) => {
    const found = [...root.querySelectorAll(selector)];
    if (root instanceof Element && root.matches(selector)) found.unshift(root);
    for (const element of found) {
      if (seen.has(element)) continue;
      seen.add(element);
      start(element);
    }
  };
  visit(document);
  document.addEventListener("htmx:load", (event) => visit(event.detail.elt));
  document.addEventListener("site:load", (event) => visit(event.target));
}

/** Return the translated sentence `data-word-<name>` of components/site_words.html. */
export function word(name) {
  return document.getElementById("words")?.getAttribute(`data-word-${name}`) ?? "";
}

/** Tell screen readers without moving the focus. */
export function announce(text) {
  const live = document.getElementById("live");
  if (live && live.textContent !== text) live.textContent = text;
}

/** Show a notice at the top of the page; `actions` is a list of [label, function]. */
export function notice(level, text, actions = []) {
  const hue = { error: "hue-bad", warning: "hue-warn", success: "hue-good" }[level] ?? "hue-info";
  const box = make("div", { class: `notice ${hue}`, role: level === "error" ? "alert" : "status" });
  const words = make("div", { class: "notice-text" });
  words.append(make("p", {}, text));
  if (actions.length) {
    const row = make("p", { class: "actions" });
    for (const [label, act] of actions) {
      const button = make("button", { type: "button", class: "btn btn-small" }, label);
      button.addEventListener("click", () => {
        act();
        box.remove();
      });
      row.append(button);
    }
    words.append(row);
  }
  box.append(words);
  document.querySelector("main > .messages")?.append(box);
  return box;
}

export function make(name, attributes = {}, text = "") {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text) element.textContent = text;
  return element;
}

export const store = {
  get(key) {
    try {
      return localStorage.getItem(key);
    } catch {
      return null;
    }
  },
  set(key, value) {
    try {
      localStorage.setItem(key, value);
    } catch {
      // full or switched off: the text is still in the page
    }
  },
  remove(key) {
    try {
      localStorage.removeItem(key);
    } catch {
      // nothing was stored
    }
  },
};

/** The headers of a POST that a script sends: Django's token from the form or the page. */
export function csrfHeaders(form) {
  const field = (form ?? document).querySelector("input[name=csrfmiddlewaretoken]");
  const page = JSON.parse(document.body.getAttribute("hx-headers") ?? "{}");
  return { "X-CSRFToken": field?.value ?? page["X-CSRFToken"] ?? "", "X-Requested-With": "fetch" };
}

/** True when an answer is the log-in page, or says that the session is gone. */
export function loggedOut(response) {
  return response.status === 401 || (response.redirected && /\/login\//.test(response.url));
}

/** A box whose content is larger than itself scrolls by keyboard too; one that is not is no stop on the way. */
export function reach(box) {
  if (box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1) box.tabIndex = 0;
  else if (box.dataset.reach) box.removeAttribute("tabindex");
  box.dataset.reach = "yes";
}
