// <a href="/the/same/question/as/a/page/" data-dialog="ID">: opens <dialog id="ID"> instead of following the link.
import { each } from "./dom.js";

each("[data-dialog]", (opener) => {
  const dialog = document.getElementById(opener.dataset.dialog);
  if (!dialog?.showModal) return;
  opener.setAttribute("role", "button");
  opener.setAttribute("aria-haspopup", "dialog");
  const open = (event) => {
    if (event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    dialog.showModal();
  };
  opener.addEventListener("click", open);
  opener.addEventListener("keydown", (event) => {
    if (event.key === " ") open(event);
  });
  dialog.addEventListener("click", (event) => {
    if (event.target.closest("[data-dialog-close]")) dialog.close();
  });
  dialog.addEventListener("close", () => opener.focus());
});
