"use strict";
// Sorts and filters the table of trials, and renders a pair when its row is opened.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const NAMES = { pytorch: "PyTorch", tensorflow: "TensorFlow" };
  const SIDES = Object.keys(NAMES);
  const file = (trial, side) => data.trial_file.replace("{trial}", trial).replace("{framework}", side);
  const SVG = "http://www.w3.org/2000/svg";
  const table = document.getElementById("pairs");
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row, index) => ({
    row, index, detail: null, button: row.querySelector("button"),
    text: row.textContent.toLowerCase(),
  }));
  const headers = [...table.tHead.rows[0].cells];

  const make = (parent, name, attributes = {}, text = null) => {
    const svg = name === "svg" || parent?.namespaceURI === SVG;
    const element = svg ? document.createElementNS(SVG, name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== null) element.textContent = text;
    parent?.append(element);
    return element;
  };
  const number = (value, digits = 4) => value === null || value === undefined ? "none"
    : (value < 0 ? "\u2212" : "") + Math.abs(value).toFixed(digits);
  const signed = (value) => value > 0 ? "+" + number(value) : number(value);

  // --- sort and filter

  let order = rows.slice();
  const place = () => {
    const nodes = [];
    for (const item of order) {
      nodes.push(item.row);
      if (item.detail) nodes.push(item.detail);
    }
    body.replaceChildren(...nodes);
  };
  const compare = (a, b) => typeof a === "number" && typeof b === "number" ? a - b
    : String(a) < String(b) ? -1 : String(a) > String(b) ? 1 : 0;
  const sort = (column) => {
    const old = headers[column].getAttribute("aria-sort");
    const numeric = headers[column].classList.contains("n");
    const direction = old === "none" ? (numeric ? "descending" : "ascending")
      : old === "ascending" ? "descending" : "ascending";
    headers.forEach((header, k) => header.setAttribute("aria-sort", k === column ? direction : "none"));
    const sign = direction === "ascending" ? 1 : -1;
    order.sort((a, b) => {
      const [x, y] = [data.values[a.index][column], data.values[b.index][column]];
      // What has no value is last either way.
      if (x === null || y === null) return (x === null) - (y === null) || a.index - b.index;
      return sign * compare(x, y) || a.index - b.index;
    });
    place();
  };
  headers.forEach((header, column) => header.querySelector("button").addEventListener("click", () => sort(column)));

  const filter = document.getElementById("filter");
  const architecture = document.getElementById("architecture");
  const count = document.getElementById("count");
  const narrow = () => {
    const words = filter.value.toLowerCase().replaceAll("-", "\u2212").split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const item of rows) {
      const text = item.text.replaceAll("-", "\u2212");
      const fits = words.every((word) => text.includes(word))
        && (!architecture.value || data.architectures[item.index] === architecture.value);
      item.row.hidden = !fits;
      if (item.detail) item.detail.hidden = !fits || !item.open;
      shown += fits;
    }
    count.textContent = shown === rows.length ? `${shown} pairs` : `${shown} of ${rows.length} pairs`;
  };
  filter.addEventListener("input", narrow);
  architecture.addEventListener("change", narrow);
  // A browser may restore what was typed before.
  narrow();

  // --- one pair

  const ticks = (low, high, wanted) => {
    const rough = (high - low) / wanted || 1;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((k) => k * power).find((k) => k >= rough * 0.999);
    const found = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) found.push(k * step);
    return [found, Math.max(0, -Math.floor(Math.log10(step) + 1e-9))];
  };

  const chart = (parent, title, sides, bounds) => {
    // As wide as its place, so that its text has the size of the page's on a phone too.
    const width = Math.min(540, Math.max(280, parent.clientWidth || 480));
    const [height, left, right, top, bottom] = [250, 40, 8, 10, 40];
    const values = SIDES.flatMap((side) => sides[side] ?? []).filter((value) => value !== null);
    const epochs = Math.max(1, ...SIDES.map((side) => sides[side]?.length ?? 0));
    const low = bounds ? bounds[0] : 0;
    const high = bounds ? bounds[1] : Math.max(...values, 1e-9) * 1.02;
    const x = (epoch) => epochs === 1 ? (left + width - right) / 2
      : left + (width - left - right) * (epoch - 1) / (epochs - 1);
    const y = (value) => height - bottom - (height - top - bottom) * (value - low) / (high - low);
    make(parent, "h3", {}, title);
    const svg = make(parent, "svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img" });
    const last = SIDES.filter((side) => sides[side]?.length)
      .map((side) => `${NAMES[side]} ends at ${sides[side].at(-1) ?? "no number"}`);
    svg.setAttribute("aria-label", `${title}: ${last.join(", ")}`);
    const [levels, digits] = ticks(low, high, 5);
    for (const level of levels) {
      make(svg, "line", { class: "axis", x1: left, x2: width - right, y1: y(level), y2: y(level) });
      make(svg, "text", { x: left - 8, y: y(level) + 4, "text-anchor": "end" }, level.toFixed(digits));
    }
    const marks = epochs === 1 ? [1] : ticks(1, epochs, 6)[0].filter((k) => Number.isInteger(k));
    if (!marks.includes(1)) marks.unshift(1);
    for (const epoch of marks) {
      make(svg, "text", { x: x(epoch), y: height - bottom + 18, "text-anchor": "middle" }, epoch);
    }
    make(svg, "text", { x: (left + width - right) / 2, y: height - 4, "text-anchor": "middle" }, "epoch");
    for (const side of SIDES) {
      const group = make(svg, "g", { class: side });
      let path = "", pen = "M";
      (sides[side] ?? []).forEach((value, k) => {
        if (value === null) { pen = "M"; return; }
        path += `${pen}${x(k + 1).toFixed(1)} ${y(value).toFixed(1)}`;
        pen = "L";
      });
      make(group, "path", { class: "curve", d: path });
      if (epochs <= 15) (sides[side] ?? []).forEach((value, k) => {
        if (value === null) return;
        if (side === "pytorch") make(group, "circle", { class: "point", cx: x(k + 1), cy: y(value), r: 3.5 });
        else make(group, "rect", { class: "point", x: x(k + 1) - 2.5, y: y(value) - 2.5, width: 5, height: 5 });
      });
    }
  };

  // `classes` are the classes that have a row and a column, where these are not all: the last ones are all others.
  const confusion = (parent, side, matrix, skipped, classes) => {
    make(parent, "h3", {}, `Confusion matrix, ${NAMES[side]}`);
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

  const list = (parent, pairs) => {
    const box = make(parent, "dl");
    for (const [name, value] of pairs) {
      make(box, "dt", {}, name);
      make(box, "dd", {}, value);
    }
  };

  const render = (panel, index) => {
    const pair = data.pairs[index], trial = data.trials[index];
    const measured = data.measured[index];
    const both = SIDES.map((side, k) => `${NAMES[side]} ${number(measured[k])}`).join(", ");
    make(panel, "p", {}, `Test accuracy: ${both}; difference ${signed(data.differences[index])}.`);
    const exact = SIDES.filter((side) => pair[side]?.recalibrated !== undefined);
    if (exact.length) {
      const { gap, share } = pair.recalibrated ?? {};
      const each = exact.map((side) => `${NAMES[side]} ${number(pair[side].recalibrated)}`).join(", ");
      const left = gap === undefined ? "" : `; difference ${signed(gap)}`;
      const lag = share === undefined || share === null ? ""
        : `: ${(100 * share).toFixed(0).replace("-", "\u2212")} % of the difference is the running statistics`;
      make(panel, "p", {}, `With exact running statistics: ${each}${left}${lag}.`);
    }
    const curves = SIDES.some((side) => pair[side]?.accuracy?.length);
    if (curves) {
      const key = make(panel, "p", { class: "key" });
      for (const side of SIDES) {
        const item = make(key, "span", { class: side });
        const line = make(item, "svg", { viewBox: "0 0 36 10", "aria-hidden": "true" });
        make(line, "path", { class: "curve", d: "M0 5H36" });
        item.append(`${NAMES[side]}${side === "tensorflow" ? " (dashed)" : ""}`);
      }
      const charts = make(panel, "div", { class: "columns curves" });
      const of = (name) => Object.fromEntries(SIDES.map((side) => [side, pair[side]?.[name]]));
      chart(make(charts, "div"), "Test accuracy", of("accuracy"), [0, 1]);
      chart(make(charts, "div"), "Training loss", of("loss"), null);
    }
    const matrices = SIDES.filter((side) => pair[side]?.confusion);
    if (matrices.length) {
      const box = make(panel, "div", { class: "columns wide" });
      for (const side of matrices) {
        confusion(make(box, "div"), side, pair[side].confusion, pair[side].skipped, pair.classes);
      }
    }
    const facts = make(panel, "div", { class: "columns wide" });
    const left = make(facts, "div");
    make(left, "h3", {}, "Hyperparameters");
    list(left, data.parameters.map((name, k) => [name.replaceAll("_", " "), data.settings[index][k] ?? "none"]));
    const semantics = data.semantics[pair.semantics];
    if (semantics) {
      const right = make(facts, "div");
      make(right, "h3", {}, "Semantics");
      list(right, Object.entries(semantics).map(([name, value]) => [name.replaceAll("_", " "), value]));
    }
    const files = SIDES.filter((side) => pair[side]?.sha);
    if (!files.length) return;
    const made = make(panel, "div", { class: "wide" });
    make(made, "h3", {}, "Files");
    for (const side of files) {
      const line = make(made, "p");
      const path = file(trial, side);
      make(line, "a", { href: path.split("/").map(encodeURIComponent).join("/") }, path);
      line.append(` (${pair[side].status}, ${data.environments[pair[side].environment]})`);
      make(line, "br");
      line.append("content_sha256 ");
      make(line, "code", {}, pair[side].sha);
    }
    const again = make(panel, "div", { class: "wide" });
    make(again, "h3", {}, "Build it again");
    const targets = SIDES.map((side) => `results/${data.study}/${file(trial, side)}`).join(" ");
    make(again, "pre", {}, `snakemake --cores 4 ${targets} --configfile YOUR-STUDY.yaml`);
    make(again, "p", { class: "note" }, `YOUR-STUDY.yaml is the study file that says "study: ${data.study}".`);
  };

  const toggle = (item, open = !item.open) => {
    item.open = open;
    if (open && !item.detail) {
      item.detail = document.createElement("tr");
      item.detail.className = "detail";
      item.detail.id = `detail-${item.index}`;
      const cell = make(item.detail, "td", { colspan: headers.length });
      item.button.setAttribute("aria-controls", item.detail.id);
      item.row.after(item.detail);
      render(make(cell, "div", { class: "panel" }), item.index);
    }
    if (item.detail) item.detail.hidden = !open;
    item.row.classList.toggle("open", open);
    item.button.setAttribute("aria-expanded", open);
  };
  body.addEventListener("click", (event) => {
    const row = event.target.closest("tr.pair");
    if (!row || String(getSelection())) return;
    toggle(rows.find((item) => item.row === row));
  });

  // report.html#trial=NAME opens that pair.
  const follow = () => {
    const name = decodeURIComponent(location.hash).replace(/^#trial=/, "");
    const item = location.hash && rows.find((item) => data.trials[item.index] === name);
    if (!item) return;
    toggle(item, true);
    item.row.scrollIntoView();
  };
  addEventListener("hashchange", follow);
  follow();
})();
