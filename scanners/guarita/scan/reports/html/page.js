"use strict";
(() => {
  const list = document.getElementById("list");
  const controls = document.getElementById("controls");
  document.documentElement.classList.add("js");
  if (!list || !controls) return;

  const field = (name) => document.getElementById(name);
  const search = field("search"), state = field("state"), scanner = field("scanner"), sort = field("sort");
  const shown = field("shown");
  const boxes = [...controls.querySelectorAll("input[name=severity]")];
  const findings = [...list.children].map((element, index) => ({
    element, index, ...element.dataset, rank: Number(element.dataset.rank), line: Number(element.dataset.line),
    text: null,
  }));
  const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  const orders = {
    worst: (a, b) => a.index - b.index,
    place: (a, b) => compare(a.path, b.path) || a.line - b.line || a.index - b.index,
    rule: (a, b) => compare(a.rule, b.rule) || a.index - b.index,
  };
  let order = "worst";

  // A finding's text is read once, when somebody first searches.
  const text = (finding) => (finding.text ??= finding.element.textContent.toLowerCase());

  const update = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const levels = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    let count = 0;
    for (const finding of findings) {
      const fits = levels.has(finding.severity)
        && (!state.value || finding.state === state.value)
        && (!scanner.value || finding.scanner === scanner.value)
        && words.every((word) => text(finding).includes(word));
      finding.element.hidden = !fits;
      if (fits) count += 1;
    }
    if (sort.value !== order) {
      order = sort.value;
      list.append(...[...findings].sort(orders[order]).map((finding) => finding.element));
    }
    const number = (value) => value.toLocaleString("en");
    shown.textContent = `${number(count)} of ${number(findings.length)} findings shown`;
  };

  let waiting = 0;
  const soon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(update, findings.length > 1000 ? 120 : 0);
  };
  controls.addEventListener("input", soon);
  controls.addEventListener("submit", (event) => event.preventDefault());
  controls.addEventListener("reset", () => setTimeout(update, 0));
  for (const button of document.querySelectorAll("button.rule")) {
    button.addEventListener("click", () => {
      search.value = button.dataset.rule;
      update();
      field("findings").scrollIntoView();
      search.focus({ preventScroll: true });
    });
  }

  const move = (step) => {
    const visible = findings.map((f) => f.element).filter((element) => !element.hidden);
    if (order !== "worst") visible.sort((a, b) => (a.compareDocumentPosition(b) & 4 ? -1 : 1));
    const at = visible.indexOf(document.activeElement?.closest(".finding"));
    const next = visible[at < 0 ? (step > 0 ? 0 : visible.length - 1) : at + step];
    next?.querySelector("summary").focus();
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.matches("input[type=search], select");
    if (event.key === "Escape" && event.target === search) {
      search.value = "";
      update();
    } else if (event.key === "/" && !typing) {
      event.preventDefault();
      search.focus();
    } else if ((event.key === "j" || event.key === "k") && !typing) {
      move(event.key === "j" ? 1 : -1);
    }
  });

  // A link to one finding opens it.
  const target = () => {
    const element = document.getElementById(location.hash.slice(1));
    if (element?.classList.contains("finding")) element.open = true;
  };
  addEventListener("hashchange", target);

  // For browsers whose style sheets cannot open details on paper.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = findings.map((f) => f.element).filter((element) => !element.open && !element.hidden);
    for (const element of opened) element.open = true;
  });
  addEventListener("afterprint", () => {
    for (const element of opened) element.open = false;
  });

  controls.hidden = false;
  update();
  target();
})();
