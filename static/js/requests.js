// What htmx could not do is said in words, and the page keeps everything that was typed.
import { notice, word } from "./dom.js";

document.addEventListener("htmx:sendError", () => notice("error", word("offline")));
document.addEventListener("htmx:timeout", () => notice("error", word("offline")));
document.addEventListener("htmx:responseError", (event) => {
  const status = event.detail.xhr.status;
  notice("error", status === 401 || status === 403 ? word("logged-out") : word("failed"));
});
// A fragment that turns out to be the log-in page must not land inside this one.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (!/\/login\//.test(event.detail.xhr.responseURL ?? "")) return;
  event.detail.shouldSwap = false;
  notice("warning", word("logged-out"));
});
