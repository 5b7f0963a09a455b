"use strict";
(() => {
  const numbers = JSON.parse(document.getElementById("numbers").textContent);
  const root = document.documentElement, form = document.getElementById("filters");
  const dialog = document.getElementById("evidence"), count = document.getElementById("count");
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const articles = all("article[data-pair]"), homes = articles.map((article) => article.parentElement);
  const title = document.title, sign = (value) => (value < 0 ? "" : "+") + value.toFixed(4);

  // ------------------------------------------------------------------ charts

  const probe = document.body.appendChild(document.createElement("span"));
  probe.hidden = true;
  /** A colour of the style sheet as a canvas takes it. alpha: 0 to 1. */
  function colour(name, alpha = 1) {
    probe.style.color = `color-mix(in srgb, var(--${name}) ${100 * alpha}%, transparent)`;
    return getComputedStyle(probe).color;
  }

  function axes(label, values) {
    const common = { stroke: colour("quiet"), grid: { stroke: colour("line"), width: 1 }, ticks: { show: false },
      font: "12px system-ui, sans-serif", labelFont: "12px system-ui, sans-serif", labelSize: 18 };
    return [{ ...common, label: "training rows", size: 30, gap: 4 }, { ...common, label, size: 58, values }];
  }

  /** A tooltip that says what stands at the size under the cursor. lines: (index) -> [colour, text] of each. */
  function tooltip(lines) {
    const tip = document.createElement("div");
    tip.className = "tip";
    tip.hidden = true;
    return { hooks: {
      init: (u) => u.over.append(tip),
      setCursor: (u) => {
        const at = u.cursor.idx;
        tip.hidden = at == null || u.cursor.left < 0;
        if (tip.hidden) return;
        tip.replaceChildren(...lines(at, u).map(([name, text]) => {
          const line = document.createElement("div");
          if (name) line.append(Object.assign(document.createElement("span"), { textContent: "━ " }));
          if (name) line.firstChild.style.color = colour(name);
          line.append(text);
          return line;
        }));
        // It stays inside the chart: to the left of the cursor where there is no room to the right.
        const x = u.valToPos(u.data[0][at], "x"), wide = tip.offsetWidth + 12, room = u.over.clientWidth;
        tip.style.left = `${x + wide > room ? Math.max(x - wide, room > wide ? 0 : room - wide) : x + 12}px`;
        tip.style.top = `${Math.max(0, Math.min(u.cursor.top + 8, u.over.clientHeight - tip.offsetHeight))}px`;
      },
    } };
  }

  const drawn = new Map(); // box -> { chart, build }
  const resized = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const chart = drawn.get(target)?.chart;
      if (chart && target.clientWidth && chart.width !== target.clientWidth) {
        chart.setSize({ width: target.clientWidth, height: chart.height });
      }
    }
  });
  /** Build a box's chart, or build it anew in other colours. build: () -> [options, data]. */
  function draw(box, build) {
    drawn.get(box)?.chart.destroy();
    const [options, data] = build();
    const sizes = data[0], wide = sizes.length > 1 && sizes.at(-1) / sizes[0] > 50;
    const chart = new uPlot({
      width: box.clientWidth || 600, height: 272, legend: { show: false }, padding: [8, 8, 0, 0], ...options,
      // A little room at both ends, so that no point and no interval lies on the frame.
      scales: { x: { time: false, distr: wide ? 3 : 1,
        range: (u, min, max) => wide ? [min / 1.05, max * 1.05] : [min - 0.02 * (max - min || 1), max + 0.02 * (max - min || 1)] },
      y: {}, ...options.scales },
    }, data, box);
    if (!drawn.has(box)) {
      resized.observe(box);
      box.addEventListener("keydown", (event) => steer(event, drawn.get(box).chart));
    }
    drawn.set(box, { chart, build });
  }

  function steer(event, u) {
    const sizes = u.data[0], at = u.cursor.idx, { min, max } = u.scales.x;
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key], zoom = { "+": 0.5, "=": 0.5, "-": 2 }[event.key];
    if (step) {
      const next = at == null ? 0 : Math.max(0, Math.min(sizes.length - 1, at + step));
      u.setCursor({ left: u.valToPos(sizes[next], "x"), top: u.over.clientHeight / 3 });
    } else if (zoom) {
      const middle = at == null ? (min + max) / 2 : sizes[at], half = zoom * (max - min) / 2;
      const low = Math.max(sizes[0], middle - half), high = Math.min(sizes.at(-1), middle + half);
      if (high > low) u.setScale("x", { min: low, max: high });
    } else if (event.key === "0") u.setData(u.data, true);
    else return;
    event.preventDefault();
  }

  const mean = 1, low = 2, high = 3, sd = 4, draws = 5; // places in a point
  const line = (name, dash, more = {}) =>
    ({ stroke: colour(name), width: 2, dash, points: { show: true, size: 6 }, spanGaps: true, ...more });
  const sizesOf = (curves) => [...new Set(curves.flatMap((c) => c.points.map((p) => p[0])))].sort((a, b) => a - b);
  const by = (curve, sizes) => {
    const known = new Map((curve?.points ?? []).map((p) => [p[0], p]));
    return sizes.map((n) => known.get(n));
  };
  const plural = (k) => `${k} draw${k === 1 ? "" : "s"}`;
  const zoomable = (key, paired) => ({ drag: { x: true, y: !paired, uni: 30 }, focus: { prox: 24 },
    ...(key ? { sync: { key, scales: ["x", null] } } : {}) });

  function overview(method) {
    const curves = numbers.curves.filter((c) => c.method === method
      && (!form.elements.engine.value || numbers.engines[c.engine] === form.elements.engine.value));
    const everything = [...curves, ...numbers.baselines], sizes = sizesOf(everything);
    const points = everything.map((c) => by(c, sizes)), rules = [[3, 4], [8, 4], [12, 4, 3, 4]];
    const series = everything.map((c, k) => k < curves.length
      ? line(`c${c.engine % 10}`, c.engine >= 10 ? [7, 3] : undefined, { points: { show: true, size: 5 } })
      : line("quiet", rules[(k - curves.length) % 3], { width: 1.5, points: { show: false } }));
    const name = (c) => c.name ?? numbers.engines[c.engine];
    const lines = (at) => [["", `n = ${sizes[at]}`], ...everything.map((c, k) => [points[k][at], c])
      .filter(([p]) => p).sort(([a], [b]) => b[mean] - a[mean]).map(([p, c]) =>
        [c.name ? "quiet" : `c${c.engine % 10}`, `${p[mean].toFixed(4)} ${name(c)}, ${plural(p[draws])}`])];
    // A baseline far below would press the curves together; it runs off the chart, and the table has it.
    const means = numbers.curves.filter((c) => c.method === method).flatMap((c) => c.points.map((p) => p[mean]));
    const floor = Math.min(...means), ceiling = Math.max(...means), room = 0.08 * Math.max(ceiling - floor, 0.02);
    return [{ series: [{}, ...series], axes: axes("accuracy", (u, ticks) => ticks.map(String)), focus: { alpha: 0.3 },
      scales: { y: { range: means.length ? [floor - room, ceiling + room] : undefined } },
      cursor: zoomable("", false), plugins: [tooltip(lines)] },
    [sizes, ...points.map((row) => row.map((p) => p?.[mean] ?? null))]];
  }

  let band = "deciles";
  function curvesOf(pair, key) {
    const sides = ["left", "right"].map((side) =>
      numbers.curves.find((c) => c.engine === pair[side] && c.method === pair.method));
    const sizes = sizesOf(sides.filter(Boolean)), points = sides.map((curve) => by(curve, sizes));
    const ends = (p) => band === "sd" ? (p[sd] === null ? [null, null] : [p[mean] - p[sd], p[mean] + p[sd]])
      : [p[low], p[high]];
    const data = [sizes], series = [{}], bands = [];
    for (const [k, name] of [[0, "left"], [1, "right"]]) {
      const edge = { stroke: colour(name, 0.35), width: 1, points: { show: false }, spanGaps: true };
      bands.push({ series: [series.length, series.length + 1], fill: colour(name, 0.16) });
      series.push(edge, edge);
      data.push(points[k].map((p) => p ? ends(p)[1] : null), points[k].map((p) => p ? ends(p)[0] : null));
    }
    for (const [k, name] of [[0, "left"], [1, "right"]]) {
      series.push(line(name, k ? [8, 4] : undefined));
      data.push(points[k].map((p) => p?.[mean] ?? null));
    }
    const told = (p) => {
      const [from, to] = ends(p);
      return from === null ? "" : `, ${band === "sd" ? "± sd" : "10–90 %"} ${from.toFixed(4)} to ${to.toFixed(4)}`;
    };
    const lines = (at) => [["", `n = ${sizes[at]}`], ...["left", "right"].flatMap((name, k) => points[k][at]
      ? [[name, `${numbers.engines[pair[name]]} ${points[k][at][mean].toFixed(4)}${told(points[k][at])}, ${plural(points[k][at][draws])}`]]
      : [])];
    return [{ series, bands, axes: axes("accuracy", (u, ticks) => ticks.map(String)), cursor: zoomable(key, true),
      plugins: [tooltip(lines)] }, data];
  }

  function gapOf(pair, key) {
    const rows = pair.sizes, sizes = rows.map((r) => r[0]), edge = { stroke: colour("margin", 0.6), width: 1,
      dash: [3, 3], points: { show: false } };
    const flat = (value) => sizes.map(() => value);
    const whiskers = { hooks: { draw: (u) => {
      const { ctx } = u, scale = uPlot.pxRatio || 1;
      ctx.save();
      ctx.beginPath();
      ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
      ctx.clip();
      ctx.strokeStyle = colour("link");
      ctx.lineWidth = 1.5 * scale;
      ctx.beginPath();
      for (const [n, , from, to] of rows) {
        if (from === null || to === null) continue;
        const x = u.valToPos(n, "x", true), ends = [from, to].map((v) => u.valToPos(v, "y", true)), half = 4 * scale;
        ctx.moveTo(x, ends[0]);
        ctx.lineTo(x, ends[1]);
        for (const y of ends) { ctx.moveTo(x - half, y); ctx.lineTo(x + half, y); }
      }
      ctx.stroke();
      ctx.restore();
    } } };
    const reach = Math.max(1.3 * pair.margin, ...rows.flatMap((r) => [r[1], r[2], r[3]].map((v) => 1.05 * Math.abs(v ?? 0))));
    const lines = (at) => { const [n, gap, from, to, k, word] = rows[at]; return [["", `n = ${n}, ${plural(k)}`],
      ["link", `gap ${sign(gap)}${from === null ? "" : `, 90 % interval ${sign(from)} to ${sign(to)}`}`], ["", word]]; };
    return [{ height: 220, bands: [{ series: [1, 2], fill: colour("margin", 0.16) }],
      series: [{}, edge, edge, { stroke: colour("quiet", 0.5), width: 1, points: { show: false } }, line("link")],
      scales: { y: { range: [-reach, reach] } },
      axes: axes("gap", (u, ticks) => ticks.map((v) => v.toFixed(3))), cursor: zoomable(key, true),
      plugins: [whiskers, tooltip(lines)] },
    [sizes, flat(pair.margin), flat(-pair.margin), flat(0), rows.map((r) => r[1])]];
  }

  function evidenceCharts(article) {
    const place = Number(article.dataset.pair), pair = numbers.pairs[place], key = `pair ${place}`;
    for (const box of all("[data-chart]", article)) {
      draw(box, () => box.dataset.chart === "gap" ? gapOf(pair, key) : curvesOf(pair, key));
    }
  }

  const redraw = (boxes = [...drawn.keys()]) => boxes.forEach((box) => { if (drawn.has(box)) draw(box, drawn.get(box).build); });
  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) if (isIntersecting) buildOverview(target);
  }, { rootMargin: "200px" });
  function buildOverview(box) {
    seen.unobserve(box);
    if (!drawn.has(box)) draw(box, () => overview(box.dataset.overview));
  }

  // ------------------------------------------------------------------ filters, evidence and the address

  /** What the address asks for: {pair, method, engine, verdict}, each percent-encoded as it stands there. */
  const asked = () => Object.fromEntries(location.hash.slice(1).split("&").filter(Boolean)
    .map((part) => [part.split("=", 1)[0], part.slice(part.indexOf("=") + 1)]));
  const plain = (text) => { try { return decodeURIComponent(text); } catch { return text; } };

  function go(change, { replace = false } = {}) {
    const wanted = { ...asked(), ...change };
    const parts = ["pair", "method", "engine", "verdict"].filter((name) => wanted[name]).map((name) => `${name}=${wanted[name]}`);
    const address = parts.length ? `#${parts.join("&")}` : location.pathname + location.search;
    history[replace ? "replaceState" : "pushState"](null, "", address);
    show();
  }

  let shown = null, opener = null, filtered = "";
  function show() {
    const wanted = asked();
    for (const name of ["method", "engine", "verdict"]) {
      const field = form.elements[name];
      field.value = plain(wanted[name] ?? "");
      if (field.selectedIndex < 0) field.value = "";
    }
    filter();
    const article = wanted.pair === undefined ? null : document.getElementById(`pair=${plain(wanted.pair)}`);
    if (article !== shown) {
      if (shown) close();
      if (article) open(article);
    }
    if (wanted.pair !== undefined && !article) count.textContent = "The address names a pair that is not in this report.";
  }

  function open(article) {
    const place = Number(article.dataset.pair);
    shown = article;
    homes[place].open = false;
    dialog.append(article);
    dialog.querySelector(".bar span").textContent = `${visible().indexOf(place) + 1 || "–"} of ${visible().length}`;
    if (!dialog.open) dialog.showModal();
    root.style.overflow = "hidden";
    document.title = `${article.querySelector("h3").textContent} – ${title}`;
    evidenceCharts(article);
    article.querySelector("h3").focus({ preventScroll: true });
    // The browser scrolls to what the address names, after the script has run.
    dialog.scrollTop = 0;
    requestAnimationFrame(() => { dialog.scrollTop = 0; });
  }

  function close() {
    const place = Number(shown.dataset.pair);
    homes[place].append(shown);
    shown = null;
    dialog.close();
    root.style.overflow = "";
    document.title = title;
    (opener?.isConnected ? opener : document.querySelector(`a[data-pair="${place}"]`))?.focus();
    opener = null;
  }

  const fits = (pair, words) => {
    const { method, engine, verdict } = form.elements;
    return (!method.value || pair.method === method.value)
      && (!engine.value || [pair.left, pair.right].some((k) => numbers.engines[k] === engine.value))
      && (!verdict.value || words.includes(verdict.value));
  };
  const visible = () => numbers.pairs.map((pair, k) => [pair, k]).filter(([pair]) => fits(pair, pair.words)).map(([, k]) => k);

  function filter() {
    const { method, engine, verdict } = form.elements, state = [method.value, engine.value, verdict.value].join("\n");
    if (state === filtered) return;
    const before = filtered.split("\n")[1] ?? "";
    filtered = state;
    for (const each of all("[data-method]")) each.hidden = Boolean(method.value) && each.dataset.method !== method.value;
    for (const row of all("tr[data-engine]")) {
      row.hidden = (Boolean(engine.value) && row.dataset.engine !== engine.value)
        || (Boolean(method.value) && row.dataset.method !== undefined && row.dataset.method !== method.value);
    }
    for (const link of all(".matrix a")) {
      link.classList.toggle("dim", Boolean(verdict.value) && link.dataset.word !== verdict.value);
    }
    const left = new Set(visible());
    homes.forEach((home, k) => { home.hidden = !left.has(k); });
    for (const key of all(".keys button")) key.setAttribute("aria-pressed", key.dataset.engine === engine.value);
    count.textContent = `${left.size} of ${homes.length} pairs`;
    if (before !== engine.value) redraw(all("[data-overview]"));
  }

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", ({ target }) => go({ [target.name]: encodeURIComponent(target.value) }));
  form.addEventListener("reset", () => setTimeout(() => go({ method: "", engine: "", verdict: "" })));
  addEventListener("popstate", show);
  addEventListener("hashchange", show);
  dialog.addEventListener("cancel", (event) => { event.preventDefault(); go({ pair: "" }); });

  document.addEventListener("click", (event) => {
    if (event.target === dialog) { go({ pair: "" }); return; }
    const hit = event.target.closest("a[data-pair], .pair > summary, button");
    if (!hit || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const home = hit.closest(".pair"), isLink = hit.matches("a"), isLine = hit.matches("summary");
    if (isLink || isLine) {
      event.preventDefault();
      opener = hit;
      go({ pair: (isLink ? hit.hash : articles[Number(home.dataset.pair)].dataset.link).slice("#pair=".length) });
    } else if (hit.matches(".copy")) copy(hit);
    else if (hit.dataset.go) step(Number(hit.dataset.go));
    else if (hit.dataset.zoom) redraw(all("[data-chart]", shown));
    else if (hit.dataset.band) {
      band = hit.dataset.band;
      for (const each of all("[data-band]")) each.setAttribute("aria-pressed", each.dataset.band === band);
      redraw(all("[data-chart=curves]", shown));
    } else if (hit.dataset.engine !== undefined) {
      const again = form.elements.engine.value === hit.dataset.engine;
      go({ engine: again ? "" : encodeURIComponent(hit.dataset.engine) });
    } else if (hit.id === "theme") repaint(isDark() ? "light" : "dark", true);
  });

  function step(by) {
    if (!by) { go({ pair: "" }); return; }
    const places = visible(), at = places.indexOf(Number(shown.dataset.pair));
    const next = articles[places[(at + by + places.length) % places.length]];
    opener = null;
    if (next && next !== shown) go({ pair: next.dataset.link.slice("#pair=".length) }, { replace: true });
  }

  async function copy(button) {
    const code = button.parentElement.querySelector("code");
    let done = true;
    try { await navigator.clipboard.writeText(code.textContent); } catch {
      // Browsers keep the clipboard from some pages; a selection is what is left, and the user copies it.
      getSelection().selectAllChildren(code);
      done = document.execCommand("copy");
    }
    button.textContent = done ? "copied" : "selected";
    setTimeout(() => { button.textContent = "copy"; }, 2000);
  }

  // ------------------------------------------------------------------ matrices by keyboard

  for (const table of all(".matrix")) {
    const cells = [...table.tBodies[0].rows].map((row) => [...row.cells].slice(1).map((cell) => cell.firstElementChild));
    const links = cells.flat().filter(Boolean);
    // One stop of the Tab key for each matrix; from there the arrows reach every cell.
    links.forEach((link, k) => { link.tabIndex = k ? -1 : 0; });
    table.addEventListener("focusin", ({ target }) => {
      for (const link of links) link.tabIndex = link === target ? 0 : -1;
    });
    table.addEventListener("keydown", (event) => {
      const [down, right] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key] ?? [0, 0];
      if (!down && !right) return;
      let row = cells.findIndex((each) => each.includes(event.target)), column = cells[row]?.indexOf(event.target);
      event.preventDefault();
      do { row += down; column += right; } while (cells[row]?.[column] === null || cells[row]?.[column]?.closest("[hidden]"));
      cells[row]?.[column]?.focus();
    });
  }

  // ------------------------------------------------------------------ light and dark, and paper

  const theme = document.getElementById("theme"), prefersDark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ?? (prefersDark.matches ? "dark" : "light")) === "dark";
  function repaint(wanted, keep = false) {
    if (wanted) root.dataset.theme = wanted; else delete root.dataset.theme;
    // A page from a file may have no storage; then the choice lasts as long as the page.
    if (keep) try { localStorage.setItem("parity theme", wanted); } catch { /* nothing to keep it in */ }
    theme.textContent = isDark() ? "light" : "dark";
    redraw();
  }
  prefersDark.addEventListener("change", () => repaint(root.dataset.theme));
  let before, folded = [];
  addEventListener("beforeprint", () => {
    before = root.dataset.theme;
    // Browsers without ::details-content print a closed one closed.
    folded = all("details:not(.pair):not([open])");
    for (const each of folded) each.open = true;
    all("[data-overview]").forEach(buildOverview);
    repaint("light");
  });
  addEventListener("afterprint", () => {
    for (const each of folded) each.open = false;
    repaint(before);
  });

  let kept;
  try { kept = localStorage.getItem("parity theme"); } catch { /* as above */ }
  for (const each of [form, theme, ...all(".scripted, button.copy")]) each.hidden = false;
  repaint(["light", "dark"].includes(kept) ? kept : root.dataset.theme);
  all("[data-overview]").forEach((box) => seen.observe(box));
  show();
  filter();
  if (!count.textContent) count.textContent = `${homes.length} pairs`;
})();
