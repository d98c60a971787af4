// <input type="file" data-picture="ID of an img" data-max-bytes="5242880">: shows the chosen picture before it is sent and says at once when it is too large.
// <a data-zoom href="picture"><img></a>: opens the picture large in a dialog; without script the link opens it.
import { each, make, word } from "./dom.js";

each("input[type=file][data-picture]", (field) => {
  const image = document.getElementById(field.dataset.picture);
  const most = Number(field.dataset.maxBytes ?? Infinity);
  field.addEventListener("change", () => {
    const [file] = field.files;
    field.setCustomValidity(file && file.size > most ? word("too-large") : "");
    field.reportValidity();
    if (!image || !file || file.size > most || !/^image\/(png|jpeg|webp)$/.test(file.type)) return;
    const reader = new FileReader(); // a data address: the policy allows no blob addresses
    reader.onload = () => {
      image.src = reader.result;
      image.hidden = false;
    };
    reader.readAsDataURL(file);
  });
});

each("a[data-zoom]", (link) => {
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const small = link.querySelector("img");
    const dialog = make("dialog", { class: "zoom", "aria-label": small?.alt ?? "" });
    const close = make("button", { type: "button", class: "btn btn-small" }, word("close"));
    close.addEventListener("click", () => dialog.close());
    dialog.append(make("img", { src: link.href, alt: small?.alt ?? "" }), close);
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  });
});
