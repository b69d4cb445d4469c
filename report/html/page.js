"use strict";

// Puts the page together from its data.

(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const tables = new Map();
  for (const place of document.querySelectorAll(".table[data-table]")) {
    const table = data.tables.find((t) => t.name === place.dataset.table);
    if (table) tables.set(table.name, new DataTable(place, table));
  }

  // open leads to a row by its ID, wherever it is.
  const open = (id) => {
    for (const t of tables.values()) {
      const tr = t.reveal(id);
      if (!tr) continue;
      for (const old of document.querySelectorAll("tr.target")) old.classList.remove("target");
      tr.classList.add("target");
      tr.scrollIntoView({ block: "center" });
      t.focusRow(tr);
      return true;
    }
    return false;
  };
  const openHash = () => location.hash.length > 1 && open(location.hash.slice(1));

  watchPage();
  const draw = {
    "overview-chart": (place) => overviewChart(place, data.timeline),
    "timeline-chart": (place) => timelineChart(place, data.timeline, open),
    "steps-chart": (place) => stepChart(place, data.timeline, open),
    "categories-chart": (place) => categoryChart(place, data.timeline),
    "waterfall-chart": (place) => waterfallChart(place, data.waterfall, open),
  };
  for (const place of document.querySelectorAll(".chart")) draw[place.id](place);
  addEventListener("hashchange", openHash);
  openHash();
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
})();
