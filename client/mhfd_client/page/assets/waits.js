"use strict";
// Where the time of the last images went. The chart is the library's (waits.py); here its sources are filled.

const Waits = (() => {
  let sources = null, ranges = null, data = null;
  const seconds = (s) => (s < 0.1 ? `${Math.round(1000 * s)} ms` : `${s < 10 ? s.toFixed(1) : Math.round(s)} s`);

  function said(i) {
    const parts = Object.entries(data.spans).filter(([, values]) => values[i] > 0).map(([name, values]) => `${seconds(values[i])} ${data.words[name]}`);
    return parts.join(", ");
  }

  function draw() {
    const n = data ? data.id.length : 0;
    document.getElementById("waits").classList.toggle("empty", !n);
    if (!sources || !n) return;
    const totals = data.id.map((_, i) => Object.values(data.spans).reduce((sum, values) => sum + values[i], 0));
    const most = Math.max(...totals), near = data.target < 3 * most; // a target that is far off would flatten the bars
    ranges.across.setv({ start: -0.6, end: Math.max(n, 12) - 0.4 });
    ranges.up.setv({ start: 0, end: Math.max(0.001, 1.1 * Math.max(most, near ? data.target : 0)) });
    sources.waits.data = { x: data.id.map((_, i) => i), id: data.id, place: data.place, said: data.id.map((_, i) => said(i)), ...data.spans };
    sources.target.data = near ? { x0: [-1], x1: [Math.max(n, 12)], y: [data.target] } : { x0: [], x1: [], y: [] };
    document.getElementById("waits").dataset.bars = String(n);
  }

  async function start(item, open) {
    document.getElementById("waits").replaceChildren();
    await Bokeh.embed.embed_item(item, "waits");
    const doc = Bokeh.documents.at(-1);
    sources = { waits: doc.get_model_by_name("waits"), target: doc.get_model_by_name("target") };
    ranges = { across: doc.get_model_by_name("waits-across"), up: doc.get_model_by_name("waits-up") };
    sources.waits.selected.change.connect(() => {
      const [index] = sources.waits.selected.indices;
      if (index === undefined) return;
      sources.waits.selected.indices = [];
      open(sources.waits.get("id")[index]);
    });
    draw();
  }

  return { start, set: (waits) => { data = waits; draw(); } };
})();
