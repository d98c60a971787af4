// Colours before the first paint: runs in the head, so it is a plain script. The choice itself stands in the footer (menus.js).
(function () {
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // storage is switched off: the system's colours stay
  }
})();
