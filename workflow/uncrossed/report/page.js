"use strict";
// Draws all pairs, sorts and filters them in plot and table, and shows the pair that is opened.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const NAMES = { pytorch: "PyTorch", tensorflow: "TensorFlow" };
  const SIDES = Object.keys(NAMES);
  const SYMBOLS = {
    trained: "circle", slow: "square", "evaluation failure": "triangle-up", plateau: "diamond", diverged: "x",
    unknown: "circle-open", missing: "cross-open",
  };
  const file = (trial, side) => data.trial_file.replace("{trial}", trial).replace("{framework}", side);
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name.replaceAll(" ", "-")}`);
  const table = document.getElementById("pairs");
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row, index) => ({
    row, index, button: row.querySelector("button"), text: row.textContent.toLowerCase(),
  }));
  const headers = [...table.tHead.rows[0].cells];
  const plot = document.getElementById("plot");
  const panel = document.getElementById("pair");

  const make = (parent, name, attributes = {}, text = null) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== null) element.textContent = text;
    parent.append(element);
    return element;
  };
  const number = (value) => value === null ? "none" : (value < 0 ? "\u2212" : "") + Math.abs(value).toFixed(3);
  const signed = (value) => value > 0 ? "+" + number(value) : number(value);
  // Plotly reads some tags in texts.
  const plain = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

  // --- what all plots have in common

  // On a touch screen a finger scrolls the page.
  const touch = matchMedia("(pointer: coarse)").matches;
  const frame = (height, more) => {
    const axis = { gridcolor: colour("line"), linecolor: colour("line"), zeroline: false, automargin: true };
    const titled = ({ title, ...rest } = {}) => ({ ...rest, title: { text: title, standoff: 8, font: { size: 13 } } });
    return {
      height, showlegend: false, dragmode: touch ? false : "zoom", ...more,
      paper_bgcolor: "transparent", plot_bgcolor: "transparent", margin: { l: 48, r: 8, t: 8, b: 44, ...more.margin },
      font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: colour("soft") },
      hoverlabel: { bgcolor: colour("page"), bordercolor: colour("soft"), font: { color: colour("ink"), size: 13 } },
      xaxis: { ...axis, ...titled(more.xaxis) }, yaxis: { ...axis, ...titled(more.yaxis) },
    };
  };
  const options = { responsive: true, displayModeBar: false };

  // --- all pairs

  const placed = rows.filter(({ index }) => data.measured[index].every((value) => value !== null))
    .map(({ index }) => index);
  const kinds = data.diagnoses ? data.kinds : [null];
  const values = placed.flatMap((index) => data.measured[index]);
  const room = 0.04 * (Math.max(...values) - Math.min(...values)) || 0.05;
  const range = [Math.min(...values) - room, Math.max(...values) + room];
  let shown = new Set(rows.map(({ index }) => index));
  let opened = null;

  const points = (indices, more) => ({
    type: "scatter", mode: "markers", customdata: indices,
    x: indices.map((index) => data.measured[index][0]), y: indices.map((index) => data.measured[index][1]), ...more,
  });
  const drawn = () => kinds.map((kind) => {
    const own = placed.filter((index) => shown.has(index) && (kind === null || data.diagnoses[index] === kind));
    const name = kind ?? "trained";
    return points(own, {
      marker: {
        symbol: SYMBOLS[name], color: colour(name), size: name === "trained" || name === "slow" ? 7 : 9,
        opacity: own.length > 200 ? 0.6 : 0.8, line: { width: 0 },
      },
      text: own.map((index) => `<b>${plain(data.trials[index])}</b><br>`
        + SIDES.map((side, k) => `${NAMES[side]} ${number(data.measured[index][k])}`).join(", ")
        + `<br>difference ${signed(data.differences[index])}${kind ? `; ${kind}` : ""}`),
      hovertemplate: "%{text}<extra></extra>",
    });
  });
  const draw = () => {
    if (!placed.length) {
      plot.hidden = true;
      return;
    }
    const ring = placed.filter((index) => index === opened && shown.has(index));
    const here = points(ring, {
      hoverinfo: "skip", marker: { symbol: "circle-open", size: 17, color: colour("ink"), line: { width: 2.5 } },
    });
    const note = {
      text: "above the line TensorFlow is ahead", font: { size: 12 }, showarrow: false,
      xref: "x domain", x: 0, xanchor: "left", yref: "y domain", y: 1, yanchor: "bottom",
    };
    const line = (x0, y0, x1, y1, dash) => (
      { type: "line", layer: "below", x0, y0, x1, y1, line: { color: colour("soft"), width: 1, dash } });
    const chance = data.classes ? 1 / data.classes : -1;
    Plotly.react(plot, [...drawn(), here], frame(plot.clientWidth < 480 ? plot.clientWidth : 560, {
      hovermode: "closest",
      xaxis: { title: "PyTorch test accuracy", range, constrain: "domain" },
      yaxis: { title: "TensorFlow test accuracy", range, scaleanchor: "x", constrain: "domain" },
      shapes: [line(range[0], range[0], range[1], range[1], "solid"), ...(chance > range[0] && chance < range[1]
        ? [line(chance, range[0], chance, range[1], "dot"), line(range[0], chance, range[1], chance, "dot")] : [])],
      margin: { t: 24 },
      annotations: [note],
    }), options);
  };
  // The point of a pair, as Plotly counts them.
  const point = (index) => {
    const curveNumber = plot.data.slice(0, kinds.length).findIndex(({ customdata }) => customdata.includes(index));
    return curveNumber < 0 ? null : { curveNumber, pointNumber: plot.data[curveNumber].customdata.indexOf(index) };
  };

  // --- sort and filter

  const compare = (a, b) => typeof a === "number" && typeof b === "number" ? a - b
    : String(a) < String(b) ? -1 : String(a) > String(b) ? 1 : 0;
  const sort = (column) => {
    const old = headers[column].getAttribute("aria-sort");
    const numeric = headers[column].classList.contains("n");
    const direction = old === "none" ? (numeric ? "descending" : "ascending")
      : old === "ascending" ? "descending" : "ascending";
    headers.forEach((header, k) => header.setAttribute("aria-sort", k === column ? direction : "none"));
    const sign = direction === "ascending" ? 1 : -1;
    rows.sort((a, b) => {
      const [x, y] = [data.values[a.index][column], data.values[b.index][column]];
      // What has no value is last either way.
      if (x === null || y === null) return (x === null) - (y === null) || a.index - b.index;
      return sign * compare(x, y) || a.index - b.index;
    });
    body.replaceChildren(...rows.map(({ row }) => row));
  };
  headers.forEach((header, column) => header.querySelector("button").addEventListener("click", () => sort(column)));

  const filter = document.getElementById("filter");
  const least = document.getElementById("least");
  const choices = [...document.querySelectorAll(".controls select")];
  const boxes = [...document.querySelectorAll(".kinds input")];
  const narrow = () => {
    const words = filter.value.toLowerCase().replaceAll("-", "\u2212").split(/\s+/).filter(Boolean);
    const without = new Set(boxes.filter((box) => !box.checked).map((box) => box.value));
    const fits = ({ index, text }) => words.every((word) => text.replaceAll("-", "\u2212").includes(word))
      && choices.every((choice) => !choice.value || String(data.choices[choice.dataset.column][index]) === choice.value)
      && !without.has(data.diagnoses?.[index])
      && (!Number(least.value) || Math.abs(data.differences[index]) >= Number(least.value));
    shown = new Set();
    for (const item of rows) {
      item.row.hidden = !fits(item);
      if (!item.row.hidden) shown.add(item.index);
    }
    document.getElementById("count").textContent = shown.size === rows.length ? `${shown.size} pairs`
      : `${shown.size} of ${rows.length} pairs`;
    draw();
  };
  for (const control of [filter, least]) control.addEventListener("input", narrow);
  for (const control of [...choices, ...boxes]) control.addEventListener("change", narrow);

  // --- one pair

  const chart = (parent, title, lines, more) => {
    make(parent, "h4", {}, title);
    const ends = lines.map(({ name, y }) => `${name} ends at ${y.at(-1) ?? "no number"}`);
    const box = make(parent, "div", { class: "chart", role: "img", "aria-label": `${title}: ${ends.join(", ")}` });
    const few = Math.max(...lines.map(({ y }) => y.length)) <= 15;
    const traces = lines.map(({ name, side, y, thin }) => ({
      type: "scatter", mode: few ? "lines+markers" : "lines", name, showlegend: !thin, x: y.map((_, k) => k + 1), y,
      hovertemplate: "%{y:.3f}",
      line: { color: colour(side), width: thin ? 1.5 : 2.5, dash: thin ? "dot" : "solid" },
      marker: { size: thin ? 4 : 6, symbol: side === "pytorch" ? "circle" : "square" },
    }));
    Plotly.newPlot(box, traces, frame(300, {
      hovermode: "x unified", showlegend: true, ...more,
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { size: 12 } }, margin: { t: 32 },
      xaxis: { title: "epoch", tickformat: "d", dtick: few ? 1 : undefined },
    }), options);
  };

  // The charts of a pair, each as a function that draws it into a place: all places are there before any is measured.
  const curves = (pair) => {
    const charts = [];
    const of = (name) => SIDES.filter((side) => pair[side]?.[name]?.length)
      .map((side) => ({ name: NAMES[side], side, y: pair[side][name] }));
    const tests = of("test_accuracy");
    const trains = of("train_accuracy").map((line) => ({ ...line, name: `${line.name}, training`, thin: true }));
    if (tests.length) {
      const title = `Test accuracy${trains.length ? "; dotted: training accuracy" : ""}`;
      charts.push((place) => chart(place, title, [...tests, ...trains], { yaxis: { range: [0, 1.02] } }));
    }
    const losses = of("train_loss");
    if (!losses.length) return charts;
    const guess = data.classes ? Math.log(data.classes) : Infinity;
    // What a loss once leapt to must not hide all others.
    const usual = 3 * Math.max(...losses.map(({ y }) => y[0] ?? 0));
    const high = 1.05 * Math.min(Math.max(...losses.flatMap(({ y }) => y)), usual || Infinity) || 1;
    const level = {
      xref: "paper", x0: 0, x1: 1, y0: guess, y1: guess, line: { color: colour("soft"), width: 1, dash: "dot" },
    };
    const label = {
      xref: "paper", x: 1, y: guess, xanchor: "right", yanchor: "bottom", text: "guessing", showarrow: false,
      font: { size: 12 },
    };
    const seen = guess < high;
    charts.push((place) => chart(place, "Training loss", losses, {
      yaxis: { range: [0, high] }, shapes: seen ? [level] : [], annotations: seen ? [label] : [],
    }));
    return charts;
  };

  const numbers = (parent, lines) => {
    const box = make(make(parent, "div", { class: "scroll" }), "table", { class: "numbers" });
    const head = make(make(box, "thead"), "tr");
    make(head, "td");
    for (const name of [...Object.values(NAMES), "difference"]) make(head, "th", { scope: "col", class: "n" }, name);
    const cells = make(box, "tbody");
    for (const [label, ...texts] of lines) {
      const line = make(cells, "tr");
      make(line, "th", { scope: "row" }, label);
      for (const text of texts) make(line, "td", { class: "n" }, text);
    }
  };

  // `classes` are the classes that have a row and a column, where these are not all: the last ones are all others.
  const confusion = (parent, side, matrix, skipped, classes) => {
    make(parent, "h4", {}, `Confusion matrix, ${NAMES[side]}`);
    const note = skipped ? `; ${skipped} examples without a finite prediction are left out` : "";
    const cut = classes ? ` Of ${classes.all} classes it shows the ${classes.shown.length} that both models confuse most;`
      + " the others are one row and one column." : "";
    make(parent, "p", { class: "note" }, `Rows are true classes, columns predicted ones${note}.${cut}`);
    const label = `Confusion matrix of ${NAMES[side]}`;
    const box = make(parent, "div", { class: `scroll ${side}`, tabindex: 0, role: "region", "aria-label": label });
    const grid = make(box, "table", { class: "confusion", "aria-label": label });
    const head = make(make(grid, "thead"), "tr");
    make(head, "td");
    const size = Math.round(Math.sqrt(matrix.length));
    const names = classes ? [...classes.shown, "others"] : [...Array(size).keys()];
    for (const name of names) make(head, "th", { scope: "col" }, name);
    const cells = make(grid, "tbody");
    for (let k = 0; k < size; k++) {
      const values = matrix.slice(k * size, (k + 1) * size);
      const sum = values.reduce((a, b) => a + b, 0);
      const line = make(cells, "tr");
      make(line, "th", { scope: "row" }, names[k]);
      for (const value of values) {
        const cell = make(line, "td", value ? {} : { class: "zero" }, value);
        if (value) cell.style.setProperty("--share", (value / sum).toFixed(3));
      }
    }
  };

  const list = (parent, title, entries) => {
    const box = make(parent, "div");
    make(box, "h4", {}, title);
    const facts = make(box, "dl");
    for (const [name, value] of entries) {
      make(facts, "dt", {}, name.replaceAll("_", " "));
      make(facts, "dd", {}, value);
    }
  };

  const link = (parent, trial) => make(parent, "a", { href: `#trial=${encodeURIComponent(trial)}` }, trial);

  const render = (index) => {
    const pair = data.pairs[index], trial = data.trials[index];
    const head = make(panel, "header");
    make(head, "h3", { tabindex: -1 }, trial);
    const steps = make(head, "div", { class: "steps" });
    for (const [text, step] of [["previous", -1], ["next", 1]]) {
      make(steps, "button", { type: "button" }, text).addEventListener("click", () => go(step));
    }
    make(steps, "button", { type: "button" }, "close").addEventListener("click", close);
    make(panel, "p", { class: "answer" }, data.words[index]);
    const top = make(panel, "div", { class: "columns" });
    const left = make(top, "div");
    numbers(left, data.numbers[index]);
    const near = data.neighbours[trial];
    if (near) {
      const line = make(left, "p", { class: "note" }, "Nearest in hyperparameters: ");
      near.forEach(([name, difference, distance], k) => {
        link(line, name);
        line.append(` ${signed(difference)} (${(100 * distance).toFixed(0)}% away)${k < near.length - 1 ? ", " : "."}`);
      });
    }
    const charts = curves(pair).map((draw) => [draw, make(top, "div")]);
    for (const [draw, place] of charts) draw(place);
    if (data.plans[trial]) {
      const { recalibrate, cost, commands, hint } = data.plans[trial];
      const plan = make(panel, "div", { class: "plan" });
      make(plan, "h4", {}, "What puts them apart?");
      if (recalibrate) {
        make(plan, "p", {}, "How much of it is running statistics is told without any training:");
        make(plan, "pre", {}, recalibrate);
      }
      make(plan, "p", {}, `What each mechanism in which the two sides differ contributes takes ${cost}:`);
      make(plan, "pre", {}, commands.join("\n"));
      if (hint) make(plan, "p", { class: "note" }, hint);
    }
    const matrices = SIDES.filter((side) => pair[side]?.confusion);
    if (matrices.length) {
      const box = make(panel, "div", { class: "columns" });
      for (const side of matrices) {
        confusion(make(box, "div"), side, pair[side].confusion, pair[side].skipped, pair.classes);
      }
    }
    const facts = make(panel, "div", { class: "columns" });
    list(facts, "Hyperparameters", data.parameters.map((name, k) => [name, data.settings[index][k] ?? "none"]));
    const semantics = data.semantics[pair.semantics];
    if (semantics && Object.keys(semantics).length) list(facts, "Semantics", Object.entries(semantics));
    const files = SIDES.filter((side) => pair[side]?.sha);
    if (!files.length) return;
    const made = make(facts, "div");
    make(made, "h4", {}, "Files");
    for (const side of files) {
      const line = make(made, "p");
      const path = file(trial, side);
      make(line, "a", { href: path.split("/").map(encodeURIComponent).join("/") }, path);
      line.append(` (${pair[side].status}, ${data.environments[pair[side].environment]})`);
      make(line, "br");
      line.append("content_sha256 ");
      make(line, "code", {}, pair[side].sha);
    }
    make(made, "h4", {}, "Build it again");
    const targets = SIDES.map((side) => `results/${data.study}/${file(trial, side)}`).join(" ");
    make(made, "pre", {}, `snakemake --cores 4 ${targets} --configfile YOUR-STUDY.yaml`);
    make(made, "p", { class: "note" }, `YOUR-STUDY.yaml is the study file that says "study: ${data.study}".`);
  };

  const mark = () => {
    for (const { row, index, button } of rows) {
      row.classList.toggle("open", index === opened);
      button.setAttribute("aria-expanded", index === opened);
    }
    draw();
  };
  const open = (index) => {
    opened = index;
    panel.replaceChildren();
    panel.hidden = false;
    render(index);
    mark();
    history.replaceState(null, "", `#trial=${encodeURIComponent(data.trials[index])}`);
    const row = rows.find((item) => item.index === index).row;
    row.hidden || (row.parentNode.parentNode.parentNode.scrollTop = row.offsetTop - 80);
    panel.scrollIntoView();
    panel.querySelector("h3").focus({ preventScroll: true });
  };
  const close = () => {
    const item = rows.find(({ index }) => index === opened);
    opened = null;
    panel.hidden = true;
    panel.replaceChildren();
    mark();
    history.replaceState(null, "", location.pathname + location.search);
    item?.button.focus();
  };
  // To the pair before or after it among those that the table shows, in its order.
  const go = (step) => {
    const visible = rows.filter(({ row }) => !row.hidden);
    const place = visible.findIndex(({ index }) => index === opened);
    const item = visible[(place + step + visible.length) % visible.length];
    if (item) open(item.index);
  };

  body.addEventListener("click", (event) => {
    const row = event.target.closest("tr.pair");
    if (!row || String(getSelection())) return;
    const { index } = rows.find((item) => item.row === row);
    index === opened ? close() : open(index);
  });
  panel.addEventListener("keydown", (event) => event.key === "Escape" && close());

  // A browser may restore what was typed before.
  narrow();
  if (placed.length) {
    plot.on("plotly_click", ({ points: [{ customdata }] }) => open(customdata));
    // A row names its point.
    body.addEventListener("mouseover", (event) => {
      const item = rows.find(({ row }) => row === event.target.closest("tr.pair"));
      const there = item && point(item.index);
      if (there) Plotly.Fx.hover(plot, [there]);
    });
    body.addEventListener("mouseleave", () => Plotly.Fx.unhover(plot));
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => opened === null ? draw() : open(opened));

  // report.html#trial=NAME opens that pair.
  const follow = () => {
    const name = decodeURIComponent(location.hash).replace(/^#trial=/, "");
    const index = location.hash ? data.trials.indexOf(name) : -1;
    if (index >= 0) open(index);
  };
  addEventListener("hashchange", follow);
  follow();
})();
