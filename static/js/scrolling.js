// Boxes that scroll inside themselves (tables, code, long answers, wide formulas) can be reached and scrolled with the keyboard.
import { each, reach } from "./dom.js";

const BOXES = ".answer-text, .table-wrap, pre, .math-display";
const sizes = new ResizeObserver((entries) => entries.forEach((entry) => reach(entry.target)));

each(BOXES, (box) => {
  reach(box);
  sizes.observe(box);
});
document.fonts?.addEventListener("loadingdone", () => document.querySelectorAll(BOXES).forEach(reach));
