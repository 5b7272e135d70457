/* The book's only script: theme, code switch, copy buttons, and charts that come alive when asked. */
(() => {
  "use strict";
  const root = document.documentElement;
  const here = document.currentScript.src.replace(/cx\.js.*$/, "");
  const keep = (key, value) => {
    try { localStorage.setItem(key, value); } catch { /* a page opened from a disk may have no storage */ }
  };
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];

  const theme = document.getElementById("cx-theme");
  const isDark = () => root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  const showTheme = () => theme.setAttribute("aria-pressed", String(isDark()));
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    keep("cx-theme", root.dataset.theme);
    showTheme();
  });
  showTheme();

  const code = document.getElementById("cx-code-switch");
  if (code) {
    const open = (on) => {
      root.classList.toggle("cx-open", on);
      for (const fold of all("details.cx-code")) fold.open = on;
      code.setAttribute("aria-pressed", String(on));
    };
    code.addEventListener("click", () => {
      const on = !root.classList.contains("cx-open");
      open(on);
      keep("cx-code", on ? "open" : "closed");
    });
    if (root.classList.contains("cx-open")) open(true);
  }

  const copier = (label, text) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "cx-copy";
    button.textContent = label;
    button.addEventListener("click", async () => {
      const content = text();
      try {
        await navigator.clipboard.writeText(content);
      } catch {
        const area = document.createElement("textarea");
        area.value = content;
        document.body.append(area);
        area.select();
        document.execCommand("copy");
        area.remove();
      }
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = label; }, 1500);
    });
    return button;
  };
  for (const box of all(".admonition.cx-board")) {
    const words = all(":scope > :not(.admonition-title)", box);
    const text = () => words.map((part) => part.innerText.trim()).join("\n\n");
    box.append(copier("Copy the sentence", text));
  }
  // What scrolls must be reachable by keyboard; what does not scroll need not be a stop.
  const settle = (blocks) => {
    const scrolls = blocks.map((block) =>
      block.scrollWidth > block.clientWidth || block.scrollHeight > block.clientHeight);
    blocks.forEach((block, place) => {
      if (scrolls[place]) block.tabIndex = 0;
      else block.removeAttribute("tabindex");
    });
  };
  const wide = "div.highlight pre, .cx-formula, .cx-scroll";
  document.addEventListener("toggle", ({ target }) => {
    if (!target.open) return;
    for (const block of target.matches(".cx-code") ? all("div.highlight:not(:has(.cx-copy))", target) : []) {
      block.append(copier("Copy", () => block.querySelector("pre").innerText));
    }
    settle(all(wide, target));
  }, true);
  (window.requestIdleCallback ?? setTimeout)(() => {
    settle(all(wide));
    root.classList.add("cx-settled");
  });

  const form = document.querySelector(".cx-filter");
  if (form) {
    const plain = (text) => text.toLowerCase().replace(/\s+/g, " ");
    const rows = all(".cx-claims tbody tr").map((row) => {
      const cells = [...row.cells].map((cell) => cell.textContent.trim());
      const [id, , claimed, without, found, where] = cells;
      return { row, id, verdicts: [claimed, without, found], where, text: plain(cells.join(" ")) };
    });
    const show = () => {
      const { words, article, verdict, chapter } = Object.fromEntries(new FormData(form));
      const wanted = plain(words).split(" ").filter(Boolean);
      let left = 0;
      for (const { row, id, verdicts, where, text } of rows) {
        const fits = id.startsWith(article) && where.startsWith(chapter)
          && (verdict === "answered" ? verdicts[0] !== "–" : !verdict || verdicts.includes(verdict)) && wanted.every((word) => text.includes(word));
        row.hidden = !fits;
        left += fits;
      }
      form.querySelector("output").textContent = `${left} of ${rows.length} claims`;
    };
    form.addEventListener("input", show);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.querySelector("button").addEventListener("click", () => {
      form.reset();
      form.elements.verdict.value = "";
      show();
    });
    show();
  }

  let library;
  const vega = () => library ??= new Promise((done, fail) => {
    const script = document.createElement("script");
    script.src = here + "cx-vega.js";
    script.onload = done;
    script.onerror = () => fail(new Error("the drawing library could not be loaded"));
    document.head.append(script);
  });
  // Asked for in Vega's words: Vega-Lite would warn about fitting the width alone.
  const fitWidth = { type: "fit-x", contains: "padding" };
  const merge = (below, above) => {
    if (typeof below !== "object" || typeof above !== "object" || !below || !above) return above;
    const both = { ...below };
    for (const key of Object.keys(above)) both[key] = merge(below[key], above[key]);
    return both;
  };
  const sized = (figure) => {
    const isNarrow = figure.querySelector(".cx-stage").clientWidth < 480;
    const written = all("script", figure);
    const spec = JSON.parse((isNarrow && written[1] || written[0]).textContent);
    if (!figure.classList.contains("cx-fits")) return spec;
    const { wide, narrow, narrowConfig } = window.cxSizes;
    const out = { ...spec, width: isNarrow ? narrow : wide };
    if (isNarrow) out.config = merge(spec.config, narrowConfig);
    return out;
  };
  const enliven = async (figure) => {
    if (figure.dataset.live) return;
    figure.dataset.live = "loading";
    const stage = figure.querySelector(".cx-stage");
    const name = stage.querySelector("svg").getAttribute("aria-label");
    const holder = document.createElement("div");
    holder.className = "cx-live";
    try {
      await vega();
      holder.style.visibility = "hidden";
      holder.style.position = "absolute";
      stage.append(holder);
      await window.vegaEmbed(holder, sized(figure), {
        renderer: "svg", actions: false, ast: true, defaultStyle: false, tooltip: { disableDefaultStyle: true },
        patch: (marks) => figure.classList.contains("cx-fits") ? { ...marks, autosize: fitWidth } : marks,
      });
      const drawn = holder.querySelector("svg");
      for (const part of all("[role], [aria-label], [aria-roledescription]", drawn)) {
        for (const word of ["role", "aria-label", "aria-roledescription"]) part.removeAttribute(word);
      }
      drawn.setAttribute("role", "img");
      drawn.removeAttribute("aria-roledescription");
      drawn.setAttribute("aria-label", name);
      for (const still of all(".cx-picture", stage)) still.remove();
      holder.removeAttribute("style");
      figure.dataset.live = "yes";
      figure.querySelector(".cx-knobs")?.remove();
    } catch (error) {
      // The picture stays; a chart that cannot come alive is still a chart.
      holder.remove();
      figure.dataset.live = "no";
      console.error("A chart could not be drawn:", error);
    }
  };
  for (const figure of all("figure.cx-chart")) {
    const stage = figure.querySelector(".cx-stage");
    let wait;
    stage.addEventListener("pointerenter", () => { wait = setTimeout(enliven, 250, figure); });
    stage.addEventListener("pointerleave", () => clearTimeout(wait));
    stage.addEventListener("pointerdown", () => enliven(figure));
    stage.addEventListener("focus", () => enliven(figure));
    figure.querySelector(".cx-knobs")?.addEventListener("click", async () => {
      await enliven(figure);
      stage.querySelector("input, select")?.focus();
    });
  }
})();
