"use strict";
// Turns the drawn charts into live ones: values under the pointer or the arrow keys, series on and off, zoom, log scale.
// Everything that it shows is set as text, never as markup; without it the page shows the drawn charts.
(function () {
  addEventListener("beforeprint", () => {
    for (const part of document.querySelectorAll("details:not(.numbers):not(.page)")) { part.open = true; }
  });
  const block = document.getElementById("chart-data");
  if (!block || typeof uPlot === "undefined") { return; }
  const content = JSON.parse(block.textContent), words = content.words;
  const FLAG = 18, HEIGHT = 272;

  const short = (value) => {
    if (value === null || value === undefined) { return "NaN/Inf"; }
    const size = Math.abs(value);
    if (size === 0 || (size >= 1e-3 && size < 1e5)) { return String(Number(value.toPrecision(4))); }
    return value.toExponential(3).replace(/\.?0+e/, "e").replace("e+", "e");
  };
  const nearest = (steps, step) => {
    let low = 0, high = steps.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (steps[middle] < step) { low = middle + 1; } else { high = middle; }
    }
    return low > 0 && step - steps[low - 1] <= steps[low] - step ? low - 1 : low;
  };
  const make = (name, parent, look, text) => {
    const part = parent.appendChild(document.createElement(name));
    if (look) { part.className = look; }
    if (text) { part.textContent = text; }
    return part;
  };
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const faint = (paint, share) => paint.replace(/^rgb\((.*)\)$/, `rgba($1, ${share})`);

  class Chart {
    constructor(data) {
      this.data = data;
      this.figure = document.getElementById("figure-" + data.id);
      this.host = this.figure.querySelector(".live");
      this.isLog = data.log;
      this.hidden = new Set();
      this.window = null;
      this.host.hidden = false;
      this.figure.classList.add("is-live");
      this.controls();
      this.build();
      new ResizeObserver(() => {
        const width = this.host.clientWidth;
        if (width > 0 && width !== this.plot.width) { this.plot.setSize({ width, height: HEIGHT }); }
      }).observe(this.host);
    }

    controls() {
      const bar = this.figure.querySelector(".tools");
      bar.hidden = false;
      const button = (text, label, act) => {
        const one = make("button", bar, "", text);
        one.type = "button";
        one.setAttribute("aria-label", `${label}: ${this.data.title}`);
        one.title = label;
        one.addEventListener("click", act);
        return one;
      };
      if (this.data.canLog) {
        const log = button("log", words.log, () => {
          this.isLog = !this.isLog;
          log.setAttribute("aria-pressed", String(this.isLog));
          this.build();
        });
        log.setAttribute("aria-pressed", String(this.isLog));
      }
      button("\u2212", words.out, () => this.zoom(2));
      button("+", words.in, () => this.zoom(0.5));
      this.back = button(words.reset, words.reset, () => this.reset());
      this.back.disabled = true;
      for (const item of this.figure.querySelectorAll(".legend li[data-series]")) {
        const number = Number(item.dataset.series), toggle = document.createElement("button");
        toggle.type = "button";
        toggle.title = words.toggle;
        toggle.setAttribute("aria-pressed", "true");
        toggle.append(...item.childNodes);
        item.append(toggle);
        toggle.addEventListener("click", () => {
          if (this.hidden.has(number)) { this.hidden.delete(number); } else { this.hidden.add(number); }
          toggle.setAttribute("aria-pressed", String(!this.hidden.has(number)));
          for (const place of this.places[number]) { this.plot.setSeries(place, { show: !this.hidden.has(number) }); }
        });
      }
      this.host.addEventListener("keydown", (event) => this.key(event));
      this.host.addEventListener("blur", () => this.read(null));
    }

    paint(number) {
      const swatch = this.figure.querySelector(`.legend li[data-series="${number}"] path`);
      const style = getComputedStyle(swatch);
      const dash = style.strokeDasharray === "none" ? [] : style.strokeDasharray.split(",").map(parseFloat);
      return { stroke: style.stroke, dash, width: Math.min(parseFloat(style.strokeWidth), 2) };
    }

    build() {
      const data = this.data, tables = [], series = [{}], bands = [];
      this.places = [];
      data.series.forEach((one, number) => {
        const look = this.paint(number), at = series.length, show = !this.hidden.has(number);
        const plain = { show, scale: "y", stroke: look.stroke, points: { show: false } };
        if (one.y && one.look === "raw") {
          tables.push([one.x, one.y]);
          series.push({ ...plain, paths: () => null, points: { show: true, size: 3.2, width: 0, fill: look.stroke } });
        } else if (one.y) {
          tables.push(one.lo ? [one.x, one.y, one.lo, one.hi] : [one.x, one.y]);
          const dots = one.y.length <= 60 && one.look !== "trend" && one.look !== "lr";
          const points = dots || one.lo ? { show: true, size: 5, width: 0, fill: look.stroke } : { show: false };
          series.push({ ...plain, width: look.width, dash: look.dash, points });
        } else {
          tables.push([one.x, one.lo, one.hi]);
        }
        if (one.lo) {
          const edge = { ...plain, stroke: one.y ? "transparent" : look.stroke, width: one.y ? 0 : 0.6 };
          series.push({ ...edge }, { ...edge });
          bands.push({ series: [series.length - 1, series.length - 2], fill: faint(look.stroke, one.y ? 0.18 : 0.65) });
        }
        this.places.push(Array.from({ length: series.length - at }, (_, index) => at + index));
      });
      const ink = colour("--muted"), rule = colour("--rule");
      const axis = { stroke: ink, font: "11px system-ui, sans-serif", ticks: { stroke: rule, size: 4 }, grid: { stroke: rule, width: 1 } };
      const joined = uPlot.join(tables);
      if (this.plot) { this.plot.destroy(); }
      this.plot = new uPlot({
        width: this.host.clientWidth, height: HEIGHT, padding: [FLAG + 6, 14, 0, 0], legend: { show: false },
        cursor: {
          y: false, points: { show: false }, drag: { x: true, y: false, setScale: true },
          bind: { dblclick: () => () => { this.reset(); return null; } },
        },
        scales: {
          x: { time: false, min: data.span[0], max: data.span[1], auto: false },
          y: { distr: this.isLog ? 3 : 1, range: (plot, low, high) => this.range(low, high) },
        },
        axes: [
          { ...axis, grid: { show: false }, incrs: [1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1e3, 2e3, 2500, 5e3, 1e4, 2e4, 25e3, 5e4, 1e5, 1e6, 1e7],
            values: (plot, splits) => splits.map((value) => (value === null ? null : String(Math.round(value * 1e3) / 1e3))), label: data.axis, labelSize: 18, labelFont: "11px system-ui, sans-serif", labelGap: 0, size: 30 },
          { ...axis, size: 62, values: (plot, splits) => splits.map((value) => (value === null ? null : short(value) + data.unit)) },
        ],
        series, bands,
        hooks: {
          drawClear: [(plot) => this.drawShades(plot)],
          draw: [(plot) => this.drawMarks(plot)],
          setCursor: [(plot) => this.read(plot.cursor.left >= 0 ? plot.posToVal(plot.cursor.left, "x") : null)],
          setScale: [(plot, key) => { if (key === "x") { this.scaled(plot); } }],
        },
      }, joined, this.host);
      this.tip = make("div", this.plot.over, "tip");
      this.tip.hidden = true;
      if (this.window) { this.plot.setScale("x", { min: this.window[0], max: this.window[1] }); }
    }

    range(low, high) {
      const data = this.data;
      if (data.limits && !this.window && !this.isLog) { [low, high] = data.limits; }
      if (data.firm && this.window && low !== null && low !== undefined) {
        [low, high] = [Math.max(low, data.limits[0]), Math.min(high, data.limits[1])];
      }
      if (low === null || high === null || low === undefined) { return [0, 1]; }
      if (this.isLog && low > 0) { return uPlot.rangeLog(low, high, 10, false); }
      if (data.base && !this.window) { low = Math.min(low, data.base[0]); high = Math.max(high, data.base[0]); }
      const room = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
      return [low >= 0 && low - room < 0 ? 0 : low - room, high + room];
    }

    scaled(plot) {
      const { min, max } = plot.scales.x, [first, last] = this.data.span;
      const wasWhole = !this.window;
      this.window = min > first || max < last ? [min, max] : null;
      this.back.disabled = !this.window;
      // The vertical range was computed before this was known: once more, when it matters.
      if (wasWhole === Boolean(this.window) && (this.data.limits || this.data.base)) { queueMicrotask(() => plot.redraw(true, true)); }
    }

    zoom(factor) {
      const { min, max } = this.plot.scales.x, [first, last] = this.data.span;
      const at = this.at !== undefined && this.at >= min && this.at <= max ? this.at : (min + max) / 2;
      const low = Math.max(first, at - (at - min) * factor), high = Math.min(last, at + (max - at) * factor);
      if (high - low > (last - first) / 1e5) { this.plot.setScale("x", { min: low, max: high }); }
    }

    reset() { this.plot.setScale("x", { min: this.data.span[0], max: this.data.span[1] }); }

    key(event) {
      const shown = this.data.series.findIndex((one, number) => !this.hidden.has(number) && one.x.length);
      const steps = shown < 0 ? [] : this.data.series[shown].x, last = steps.length - 1;
      const now = this.at === undefined ? -1 : nearest(steps, this.at), by = event.shiftKey ? 10 : 1;
      const moves = { ArrowLeft: now < 0 ? last : now - by, ArrowRight: now + by, Home: 0, End: last };
      if (event.key in moves && last >= 0) {
        const step = steps[Math.min(last, Math.max(0, moves[event.key]))];
        this.read(step);
        this.figure.querySelector(".said").textContent = this.said;
      } else if (event.key === "+" || event.key === "=") { this.zoom(0.5);
      } else if (event.key === "-") { this.zoom(2);
      } else if (event.key === "Escape" || event.key === "0") { this.reset(); this.read(null);
      } else { return; }
      event.preventDefault();
    }

    value(one, index) {
      const unit = this.data.unit;
      if (!one.y) { return `${short(one.lo[index])} \u2026 ${short(one.hi[index])}${unit}`; }
      if (!one.lo || one.lo[index] === null) { return short(one.y[index]) + (one.y[index] === null ? "" : unit); }
      return `${short(one.y[index])}${unit} (${short(one.lo[index])} \u2026 ${short(one.hi[index])})`;
    }

    read(step) {
      const tip = this.tip, data = this.data, plot = this.plot;
      if (!tip) { return; }
      tip.hidden = step === null;
      if (step === null) { this.at = undefined; return; }
      const visible = data.series.filter((one, number) => !this.hidden.has(number) && one.x.length);
      if (!visible.length) { tip.hidden = true; return; }
      const near = visible[0].x[nearest(visible[0].x, step)];
      this.at = near;
      tip.replaceChildren();
      make("b", tip, "", `${data.axis} ${short(near)}`);
      const told = [`${data.axis} ${short(near)}`];
      visible.forEach((one) => {
        const index = nearest(one.x, near), other = one.x[index] === near ? "" : ` @${short(one.x[index])}`;
        make("span", tip, "", `${one.n}: ${this.value(one, index)}${other}`);
        told.push(`${one.n}: ${this.value(one, index)}${other}`);
      });
      this.said = told.join("; ");
      const place = plot.valToPos(near, "x"), room = plot.over.clientWidth;
      const left = place + 14 + tip.offsetWidth > room ? Math.max(place - 14 - tip.offsetWidth, 0) : place + 14;
      tip.style.left = `${Math.min(left, Math.max(room - tip.offsetWidth, 0))}px`;
    }

    drawShades(plot) {
      const { left, top, width, height } = plot.bbox, pen = plot.ctx;
      for (const [start, end] of this.data.shades) {
        const from = Math.max(plot.valToPos(start, "x", true), left), to = Math.min(plot.valToPos(end, "x", true), left + width);
        if (to < left || from > left + width) { continue; }
        pen.fillStyle = colour("--window");
        pen.fillRect(from - 2, top, Math.max(to - from, 0) + 4, height);
      }
    }

    drawMarks(plot) {
      const { left, top, width, height } = plot.bbox, pen = plot.ctx, ratio = devicePixelRatio;
      const inside = (x) => x >= left - 1 && x <= left + width + 1;
      pen.save();
      pen.font = `${10 * ratio}px system-ui, sans-serif`;
      let free = -1e9;
      for (const [step, , isMain] of this.data.marks) {
        const x = plot.valToPos(step, "x", true);
        if (!inside(x)) { continue; }
        pen.strokeStyle = colour("--mark");
        pen.lineWidth = ratio;
        pen.setLineDash([2 * ratio, 4 * ratio]);
        pen.beginPath(); pen.moveTo(x, top); pen.lineTo(x, top + height); pen.stroke();
        pen.fillStyle = isMain ? colour("--ink") : colour("--mark");
        pen.beginPath(); pen.moveTo(x - 4 * ratio, top - 7 * ratio); pen.lineTo(x + 4 * ratio, top - 7 * ratio); pen.lineTo(x, top); pen.fill();
        const text = String(step), half = pen.measureText(text).width / 2;
        if (x - half > free + 6 * ratio) {
          pen.fillStyle = colour("--muted");
          pen.textAlign = "center";
          pen.fillText(text, Math.min(x, left + width - half + 8 * ratio), top - 11 * ratio);
          free = x + half;
        }
      }
      pen.setLineDash([]);
      if (this.data.base) {
        const y = plot.valToPos(this.data.base[0], "y", true);
        if (y >= top - 1 && y <= top + height + 1) {
          pen.strokeStyle = colour("--ink");
          pen.lineWidth = ratio;
          pen.beginPath(); pen.moveTo(left, y); pen.lineTo(left + width, y); pen.stroke();
          pen.fillStyle = colour("--muted");
          pen.textAlign = "right";
          pen.strokeStyle = colour("--paper");
          pen.lineWidth = 3 * ratio;
          pen.lineJoin = "round";
          pen.strokeText(this.data.base[1], left + width - 4 * ratio, y - 5 * ratio);
          pen.fillText(this.data.base[1], left + width - 4 * ratio, y - 5 * ratio);
        }
      }
      pen.strokeStyle = colour("--nan");
      pen.lineWidth = ratio;
      this.data.series.forEach((one, number) => {
        if (!one.bad || this.hidden.has(number)) { return; }
        pen.beginPath();
        for (const step of one.bad) {
          const x = plot.valToPos(step, "x", true);
          if (inside(x)) { pen.moveTo(x, top + height); pen.lineTo(x, top + height - 9 * ratio); }
        }
        pen.stroke();
      });
      pen.restore();
    }
  }

  const live = content.charts.filter((data) => data.series.length).map((data) => new Chart(data));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { for (const chart of live) { chart.build(); } });
})();
