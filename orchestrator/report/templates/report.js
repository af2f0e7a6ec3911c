"use strict";
// Reads values off the curves under the pointer. Everything it shows is set as text, never as markup.
(function () {
  const SVG = "http://www.w3.org/2000/svg";
  const make = (name, parent) => parent.appendChild(document.createElementNS(SVG, name));
  const nearest = (rows, step) => {
    let low = 0, high = rows.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (rows[middle][0] < step) { low = middle + 1; } else { high = middle; }
    }
    return low > 0 && step - rows[low - 1][0] < rows[low][0] - step ? rows[low - 1] : rows[low];
  };
  for (const chart of document.querySelectorAll("svg.chart")) {
    const data = JSON.parse(chart.dataset.hover);
    if (!data.s.length) { continue; }
    const [first, last, left, right] = data.x, [top, bottom] = data.y;
    const cursor = make("g", chart);
    cursor.setAttribute("class", "cursor");
    cursor.setAttribute("visibility", "hidden");
    const line = make("path", cursor), box = make("rect", cursor);
    box.setAttribute("rx", 4);
    const texts = Array.from({ length: data.s.length + 1 }, () => make("text", cursor));
    const show = (event) => {
      const area = chart.getBoundingClientRect();
      const x = ((event.clientX - area.left) / area.width) * chart.viewBox.baseVal.width;
      if (x < left || x > right) { return hide(); }
      const step = first + ((x - left) / (right - left)) * (last - first);
      const near = nearest(data.s[0].r, step);
      const place = left + ((near[0] - first) / (last - first)) * (right - left);
      line.setAttribute("d", `M${place} ${top}V${bottom}`);
      texts[0].textContent = String(near[0]);
      data.s.forEach((series, index) => {
        const row = nearest(series.r, near[0]);
        texts[index + 1].textContent = `${series.n}  ${row.slice(1).join(" – ")}` + (row[0] === near[0] ? "" : `  @${row[0]}`);
      });
      cursor.setAttribute("visibility", "visible");
      const width = Math.max(...texts.map((text) => text.getComputedTextLength())) + 16;
      const side = place + 10 + width > right ? place - 10 - width : place + 10;
      texts.forEach((text, index) => { text.setAttribute("x", side + 8); text.setAttribute("y", top + 18 + 15 * index); });
      for (const [key, value] of [["x", side], ["y", top + 4], ["width", width], ["height", 15 * texts.length + 6]]) {
        box.setAttribute(key, value);
      }
    };
    const hide = () => cursor.setAttribute("visibility", "hidden");
    chart.addEventListener("pointermove", show);
    chart.addEventListener("pointerdown", show);
    chart.addEventListener("pointerleave", hide);
  }
  addEventListener("beforeprint", () => { for (const part of document.querySelectorAll("details")) { part.open = true; } });
})();
