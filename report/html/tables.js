"use strict";

// Tables that sort and filter. Names from traces only ever become text nodes
// and attribute values.

function element(tag, className, text) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  if (text !== undefined) e.textContent = text;
  return e;
}

const isText = (column) => column.unit === "text";
const isChange = (column) => column.unit === "change" || column.unit === "ratio";

// Columns of which only evidence tells whether they are more than chance.
const judged = ["duration_delta_ns", "unit_ratio", "low_ns", "high_ns"];
const isFigure = (column) => !isText(column) && column.unit !== "flag" && column.unit !== "number";

// direction returns the classes of a change: none where it may be chance.
function direction(v, row, c) {
  if (!Number(v) || (judged.includes(c?.name) ? !row.sure : row.noise)) return [];
  return Number(v) > 0 ? ["worse"] : ["better"];
}

// words print figures that are neither times nor counts.
const words = { p: probability, part: (v) => percent(v, 1) };

class DataTable {
  constructor(place, table) {
    this.place = place;
    this.table = table;
    this.rows = table.rows;
    this.words = [];
    this.wide = false;
    this.sort = null; // {column, descending}; null is the natural order
    this.limit = table.top > 0 ? table.top : 50;
    if (this.rows.length <= this.limit * 1.2) this.limit = Infinity;
    this.found = new Map(this.rows.map((r, i) => [r.id, i]));
    this.build();
    this.draw();
  }

  build() {
    const t = this.table;
    const title = element("div", "title");
    const tools = element("div", "bar-tools");
    title.append(element("h3", "", t.name), element("p", "doc", this.place.dataset.doc), tools);
    if (this.rows.length > 8) {
      this.filter = element("input", "tool");
      this.filter.type = "search";
      this.filter.placeholder = "filter";
      this.filter.setAttribute("aria-label", "filter " + t.name);
      this.filter.addEventListener("input", () => this.setFilter(this.filter.value));
      tools.append(this.filter);
    }
    if (t.columns.some((c) => c.hidden)) {
      const label = element("label", "tool"), box = element("input");
      box.type = "checkbox";
      box.addEventListener("change", () => { this.wide = box.checked; this.draw(); });
      label.append(box, "all columns");
      tools.append(label);
    }
    this.status = element("span", "sum");
    this.status.setAttribute("role", "status");
    this.more = element("button", "tool");
    this.more.type = "button";
    this.more.addEventListener("click", () => { this.limit = Infinity; this.draw(); });
    tools.append(this.status, this.more);
    const scroll = element("div", "scroll");
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", t.name + ", table");
    this.grid = element("table");
    scroll.append(this.grid);
    this.place.append(title, scroll);
    this.grid.addEventListener("keydown", (e) => this.key(e));
    this.grid.addEventListener("click", (e) => this.click(e));
  }

  setFilter(text) {
    this.words = text.toLowerCase().split(/\s+/).filter(Boolean);
    this.draw();
  }

  columns() {
    return this.table.columns.map((c, i) => [c, i]).filter(([c]) => this.wide || !c.hidden);
  }

  // matching returns the rows that hold all words of the filter, in order.
  matching() {
    let rows = this.rows;
    if (this.words.length) {
      rows = rows.filter((r) => {
        const text = this.textOf(r);
        return this.words.every((w) => text.includes(w));
      });
    }
    if (!this.sort) return rows;
    const { column, descending } = this.sort;
    const text = isText(this.table.columns[column]);
    const value = (r) => {
      const v = r.c[column];
      if (v === null) return null;
      return text ? String(Array.isArray(v) ? v[1] : v).toLowerCase() : Number(v);
    };
    return rows.map((r) => [value(r), r]).sort(([a, x], [b, y]) => {
      const last = (x.loose ? 1 : 0) - (y.loose ? 1 : 0) || (a === null ? 1 : 0) - (b === null ? 1 : 0);
      if (last || a === null) return last;
      const order = a < b ? -1 : a > b ? 1 : 0;
      return descending ? -order : order;
    }).map(([, r]) => r);
  }

  textOf(row) {
    if (row.text === undefined) {
      row.text = row.c.map((v, i) => {
        const c = this.table.columns[i];
        if (v === null || isFigure(c)) return "";
        if (isText(c)) return Array.isArray(v) ? v[1] : v;
        return c.head + " " + v;
      }).join(" ").toLowerCase();
    }
    return row.text;
  }

  draw() {
    const all = this.matching(), rows = all.slice(0, this.limit);
    const head = element("thead"), body = element("tbody");
    const line = element("tr"), columns = this.columns();
    for (const [c, i] of columns) {
      line.append(this.header(c, i));
      if (this.shares(c)) line.append(this.shareHeader());
      if (this.balances(c)) line.append(this.balanceHeader(i));
    }
    head.append(line);
    for (const r of rows) body.append(this.row(r, columns));
    if (this.table.rest && rows.length === this.rows.length) body.append(this.restRow(columns));
    if (body.firstChild) body.firstChild.tabIndex = 0;
    this.grid.replaceChildren(head, body);
    this.say(all, rows);
  }

  shares(column) { return column.share && this.rows.some((r) => r.w); }

  // balances says whether bars show a column's changes.
  balances(column) { return column.name === "delta_ns"; }

  shareHeader() {
    const th = element("th", "n share", "share");
    th.scope = "col";
    th.title = "share " + this.table.shareOf;
    return th;
  }

  balanceHeader(i) {
    this.most = Math.max(1, ...this.rows.map((r) => Math.abs(Number(r.c[i] ?? 0))));
    const th = element("th", "balance");
    th.setAttribute("aria-hidden", "true");
    return th;
  }

  header(c, i) {
    const th = element("th", isText(c) ? "" : "n"), b = element("button", "", c.head);
    th.scope = "col";
    th.dataset.column = c.name;
    b.type = "button";
    b.title = c.doc;
    if (c.scale) b.append(" ", element("span", "unit", "(" + c.scale.symbol + ")"));
    th.setAttribute("aria-sort", "none");
    if (this.sort && this.sort.column === i) th.setAttribute("aria-sort", this.sort.descending ? "descending" : "ascending");
    b.addEventListener("click", () => this.sortBy(i));
    th.append(b);
    return th;
  }

  // sortBy goes from the usual direction to the other one to the natural order.
  sortBy(i) {
    const usual = isFigure(this.table.columns[i]);
    if (!this.sort || this.sort.column !== i) this.sort = { column: i, descending: usual };
    else if (this.sort.descending === usual) this.sort = { column: i, descending: !usual };
    else this.sort = null;
    this.draw();
    this.grid.querySelector(`th[data-column="${this.table.columns[i].name}"] button`).focus();
  }

  row(r, columns) {
    const tr = element("tr", r.loose ? "loose" : "");
    tr.id = r.id;
    tr.tabIndex = -1;
    columns.forEach(([c, i], n) => {
      const td = this.cell(c, r.c[i], r);
      if (n === 0) {
        const link = element("a", "link", "#");
        link.href = "#" + r.id;
        link.tabIndex = -1;
        link.setAttribute("aria-label", "link to this row");
        td.prepend(link);
      }
      tr.append(td);
      if (this.shares(c)) tr.append(this.shareCell(r.c[i], r.w, c));
      if (this.balances(c)) tr.append(this.balanceCell(r.c[i], r));
    });
    return tr;
  }

  cell(c, v, row) {
    const td = element("td", isText(c) ? "" : "n");
    if (v === null) {
      td.append(element("span", "null", unknown));
    } else if (isText(c)) {
      const [short, full] = Array.isArray(v) ? v : [v, v];
      if (c.name === "category" || c.name === "phase") td.append(chip(c.name, full));
      td.append(short);
      if (short !== full) {
        td.classList.add("name");
        td.title = full;
      }
    } else if (c.unit === "flag") {
      td.textContent = v ? "yes" : "no";
    } else if (isChange(c)) {
      td.textContent = c.unit === "change" ? signed(v, c.scale) : ratio(v);
      td.title = exact(v, c.unit);
      td.classList.add(...direction(v, row, c));
      if (c.name === "unit_ratio" && !row.sure) td.prepend("~ ");
    } else {
      td.textContent = c.scale ? scaled(v, c.scale) : c.unit === "count" ? group(v) : (words[c.unit] || String)(v);
      if (isFigure(c)) td.title = exact(v, c.unit);
    }
    return td;
  }

  // balanceCell shows a change as a bar to the right (more) or left (less).
  balanceCell(v, row) {
    const td = element("td", "balance"), bar = element("i");
    td.setAttribute("aria-hidden", "true");
    bar.className = direction(v, row)[0] || "noise";
    bar.style.setProperty("--part", (Math.abs(Number(v ?? 0)) / this.most).toFixed(4));
    if (v < 0) bar.classList.add("left");
    td.append(bar);
    return td;
  }

  shareCell(v, whole, c) {
    const td = element("td", "share");
    if (v === null || !whole) return td;
    const bar = element("i");
    bar.style.setProperty("--part", Math.min(1, Math.max(0, v / whole)).toFixed(4));
    td.append(bar, element("span", "", percent(v, whole)));
    td.title = `${group(v)} of ${exact(whole, c.unit)}`;
    return td;
  }

  // restRow is the sum of the rows that the page has no room for.
  restRow(columns) {
    const r = this.table.rest, tr = element("tr", "rest");
    const rest = this.table.total - this.rows.length;
    columns.forEach(([c, i], n) => {
      const td = r.c[i] === null ? element("td") : this.cell(c, r.c[i], r);
      if (n === 0) td.textContent = `${group(rest)} more rows`;
      tr.append(td);
      if (this.shares(c)) tr.append(this.shareCell(r.c[i], r.w, c));
      if (this.balances(c)) tr.append(element("td"));
    });
    tr.title = "not in this page: --format json and export have all rows";
    return tr;
  }

  // say tells how many rows there are, and what those add up to that match.
  say(all, rows) {
    const n = this.table.total;
    let text = `${group(n)} ${n === 1 ? "row" : "rows"}`;
    if (this.words.length) text = `${group(all.length)} of ` + text;
    if (this.words.length && all.length) {
      this.table.columns.forEach((c, i) => {
        if (!c.share) return;
        const sum = all.reduce((s, r) => s + Number(r.c[i] || 0), 0);
        const whole = all[0].w && all.every((r) => r.w === all[0].w) ? all[0].w : 0;
        text += ` · ${c.head} ${c.unit === "ns" ? time(sum) : c.unit === "change" ? signedTime(sum) : group(sum)}`;
        if (whole) text += ` (${percent(sum, whole)})`;
      });
    }
    this.status.textContent = text;
    this.more.hidden = rows.length === all.length;
    this.more.textContent = `show all ${group(all.length)}`;
  }

  // reveal shows the row with an ID, and returns it.
  reveal(id) {
    if (!this.found.has(id)) return null;
    let tr = document.getElementById(id);
    if (!tr) {
      if (this.filter) this.filter.value = "";
      this.words = [];
      this.limit = Infinity;
      this.draw();
      tr = document.getElementById(id);
    }
    return tr;
  }

  focusRow(tr) {
    for (const old of this.grid.querySelectorAll("tbody tr[tabindex='0']")) old.tabIndex = -1;
    tr.tabIndex = 0;
    tr.focus();
  }

  click(e) {
    const tr = e.target.closest("tbody tr");
    if (!tr || e.target.closest("a") || String(getSelection())) return;
    tr.classList.toggle("open");
    this.expand(tr);
  }

  // expand shows names whole, or short again.
  expand(tr) {
    for (const td of tr.querySelectorAll("td.name")) {
      const shown = td.lastChild;
      if (td.dataset.short === undefined) td.dataset.short = shown.textContent;
      shown.textContent = tr.classList.contains("open") ? td.title : td.dataset.short;
    }
  }

  key(e) {
    const tr = e.target.closest("tbody tr");
    if (!tr || e.target !== tr) return;
    const to = { ArrowDown: tr.nextElementSibling, ArrowUp: tr.previousElementSibling,
      Home: tr.parentNode.firstElementChild, End: tr.parentNode.lastElementChild }[e.key];
    if (to) {
      e.preventDefault();
      this.focusRow(to);
    } else if (e.key === "Enter" || e.key === " ") {
      e.preventDefault();
      tr.classList.toggle("open");
      this.expand(tr);
    } else if (e.key === "l" && tr.id) {
      location.hash = tr.id;
    }
  }
}
