"use strict";
// What the page does beyond being read: it sorts, filters, tells values, and is light or dark as its reader likes.
// All of it can be read without; nothing here asks for anything from elsewhere.
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const make = (name, properties) => Object.assign(document.createElement(name), properties);

  const UNITS = { ns: 1e-9, "µs": 1e-6, ms: 1e-3, s: 1, B: 1, kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12, "%": 0.01, x: 1 };
  const NUMBER = /^(-?[\d,]*\.?\d+(?:e[-+]?\d+)?) ?(?:(ns|µs|ms|s|B|kB|MB|GB|TB|%|x)(?=$|[ \u2020])|(?=$|\u2020| to | ?\[| ?\u2191))/;
  const [A_NUMBER, WORDS, NOTHING] = [0, 1, 2];

  // What a text is and what it is sorted by; of an interval, its lower end.
  const keyOf = (text) => {
    const found = NUMBER.exec(text);
    if (found) return [A_NUMBER, Number(found[1].replaceAll(",", "")) * (UNITS[found[2]] ?? 1)];
    return text ? [WORDS, text] : [NOTHING, ""];
  };

  // Numbers, words, nothing: in that order whichever way is sorted, so that what is empty comes last.
  const compare = ([kind, value], [otherKind, otherValue], way) => {
    if (kind !== otherKind) return kind - otherKind;
    return way * (kind === A_NUMBER ? value - otherValue : value.localeCompare(otherValue, "en", { numeric: true }));
  };

  // Each row with the notes below it, which go where it goes.
  const groupsOf = (table) => {
    const groups = [];
    for (const row of table.tBodies[0].rows) {
      if (row.classList.contains("note")) groups.at(-1).push(row);
      else groups.push([row]);
    }
    return groups;
  };

  const textOf = (row, column) => row.cells[column]?.textContent.trim() ?? "";

  const makeSortable = (table) => {
    const groups = groupsOf(table);
    const heads = [...table.tHead.rows[0].cells];
    const sort = (column) => {
      const was = heads[column].ariaSort;
      for (const head of heads) head.removeAttribute("aria-sort");
      const way = { ascending: "descending", descending: "" }[was] ?? "ascending";
      let sorted = groups;
      if (way) {
        heads[column].ariaSort = way;
        const keyed = groups.map((group) => [keyOf(textOf(group[0], column)), group]);
        keyed.sort(([one], [other]) => compare(one, other, way === "ascending" ? 1 : -1));
        sorted = keyed.map(([, group]) => group);
      }
      table.tBodies[0].append(...sorted.flat());
    };
    heads.forEach((head, column) => {
      const button = make("button", { type: "button", title: "Sort by this; a third time, as it was" });
      button.append(...head.childNodes);
      button.addEventListener("click", () => sort(column));
      head.append(button);
    });
  };

  const makeFilter = (line) => {
    const groups = groupsOf(document.getElementById(line.dataset.filters));
    const input = line.querySelector("input");
    const said = line.querySelector("[role=status]");
    const texts = groups.map((group) => group.map((row) => row.textContent).join(" ").toLowerCase());
    const values = groups.map(([row]) => [...row.cells].map((cell) => cell.textContent.trim().split(" ")[0]));
    const filter = () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      groups.forEach((group, number) => {
        const has = (word) => (/^[\d.,]+$/.test(word) ? values[number].includes(word) : texts[number].includes(word));
        const fits = words.every(has);
        for (const row of group) row.hidden = !fits;
        shown += fits;
      });
      said.textContent = words.length ? `${shown} of ${groups.length} rows` : `${groups.length} rows`;
      line.classList.toggle("on", words.length > 0);
    };
    input.addEventListener("input", filter);
    filter();
    line.hidden = false;
  };

  // Empty it is not seen; it stays rendered, as screen readers tell what changes in what was there before.
  const tip = make("div", { className: "tip" });
  tip.setAttribute("role", "status");
  let told = null;

  const hide = () => {
    told?.classList.remove("on");
    told = null;
    tip.textContent = "";
  };

  const tell = (mark) => {
    hide();
    told = mark;
    mark.classList.add("on");
    tip.textContent = mark.dataset.tip;
    put();
  };

  const put = () => {
    if (!told) return;
    const place = told.getBoundingClientRect();
    const { width, height } = tip.getBoundingClientRect();
    const room = document.documentElement.clientWidth - width - 8;
    const above = place.top - height - 8;
    tip.style.left = `${Math.max(8, Math.min((place.left + place.right - width) / 2, room))}px`;
    tip.style.top = `${above >= 8 ? above : place.bottom + 8}px`;
  };

  // A panel is one stop of the keyboard, and the arrows go from mark to mark.
  const makeTelling = (panel) => {
    const marks = all(".told", panel);
    if (!marks.length) return;
    for (const mark of marks) {
      const title = mark.querySelector("title");
      mark.dataset.tip = title.textContent;
      title.remove(); // the browser's own would come on top of ours
    }
    panel.tabIndex = 0;
    panel.setAttribute("role", "group");
    panel.setAttribute("aria-label", `${panel.querySelector("svg").getAttribute("aria-label")} (arrow keys tell values)`);
    let current = 0;
    const steps = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity };
    panel.addEventListener("pointerover", (event) => {
      const mark = event.target.closest(".told");
      if (mark) tell(mark);
      else hide();
    });
    panel.addEventListener("pointerleave", (event) => event.pointerType !== "touch" && hide());
    panel.addEventListener("blur", hide);
    panel.addEventListener("focus", () => panel.matches(":focus-visible") && tell(marks[current]));
    panel.addEventListener("keydown", (event) => {
      if (event.key in steps && !event.altKey && !event.ctrlKey && !event.metaKey) {
        event.preventDefault();
        current = Math.max(0, Math.min(current + steps[event.key], marks.length - 1));
        marks[current].scrollIntoView({ block: "nearest" });
        tell(marks[current]);
      }
    });
  };

  const makeTheme = (button) => {
    const root = document.documentElement;
    const system = matchMedia("(prefers-color-scheme: dark)");
    const isDark = () => (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
    const name = () => (button.textContent = isDark() ? "Light colours" : "Dark colours");
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      name();
    });
    system.addEventListener("change", name);
    name();
    button.hidden = false;
  };

  const makeCopyable = (code) => {
    if (!navigator.clipboard) return;
    const button = make("button", { type: "button", className: "copy", textContent: "Copy" });
    button.addEventListener("click", async () => {
      const text = code.textContent;
      button.textContent = await navigator.clipboard.writeText(text).then(() => "Copied", () => "Select and copy it");
    });
    const around = make("div", { className: "code" });
    code.replaceWith(around);
    around.append(code, button);
  };

  // On paper nothing can be opened.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = all("details:not([open])");
    for (const each of opened) each.open = true;
  });
  addEventListener("afterprint", () => {
    for (const each of opened) each.open = false;
  });
  addEventListener("keydown", (event) => event.key === "Escape" && hide());
  addEventListener("scroll", put, { passive: true });

  all("table[data-sortable]").forEach(makeSortable);
  all("[data-filters]").forEach(makeFilter);
  all(".panel").forEach(makeTelling);
  all("[data-copy]").forEach(makeCopyable);
  makeTheme(document.getElementById("theme"));
  document.querySelector("main").append(tip);
})();
