"use strict";
// Sorts the tables by the heading that is clicked, and unfolds what is folded before printing. Without it the page says the same.
(function () {
  addEventListener("beforeprint", () => {
    for (const part of document.querySelectorAll("details:not(.page):not(.names)")) { part.open = true; }
  });
  const words = JSON.parse(document.getElementById("page-words").textContent);
  const valueOf = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
  };
  const compare = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b));
  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.title = words.sort.replace("{column}", head.textContent);
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const isNumber = head.classList.contains("num");
        const before = head.getAttribute("aria-sort");
        const order = before === null ? (isNumber ? "descending" : "ascending") : before === "ascending" ? "descending" : "ascending";
        for (const other of heads) { other.removeAttribute("aria-sort"); }
        head.setAttribute("aria-sort", order);
        const sign = order === "ascending" ? 1 : -1;
        const rows = [...body.rows].map((row) => [valueOf(row, column), row]);
        rows.sort((a, b) => sign * compare(a[0], b[0]));
        body.append(...rows.map((pair) => pair[1]));
      });
    });
  }
})();
