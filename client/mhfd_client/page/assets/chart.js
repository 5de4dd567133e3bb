"use strict";
// The points of the run, and which of them the chart draws. The chart itself is the library's (chart.py); here its
// sources are filled. What would lie on top of each other is thinned: of images in focus the lowest and the highest
// of each pixel column stay, of all others each one.

const Course = (() => {
  const OUTCOMES = ["in_focus", "out_of_focus", "undetermined", "incomplete"];
  const WORDS = ["in focus", "out of focus", "can't tell", "incomplete"];
  const MARKERS = ["circle", "inverted_triangle", "diamond", "x"];
  const SIZES = [6, 11, 11, 12];
  const DENSE = 1200, COLUMNS = 500;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const COLOURS = { light: ["#0072b2", "#b3400a", "#8a6100", "#6b4c7a"], dark: ["#5cb8f2", "#ff8a50", "#f0c34e", "#cfa6e0"] };
  const byId = new Map();
  let order = [], stale = true, extra = { anchors: [], drifts: [], missing: [] };
  let by = "section", tile = null, span = "300", cursor = null, sources = null, range = null, up = null, queued = false;
  let moving = false, drawing = false, known = false, starts = 0, again = () => {};
  let chosen = localStorage.getItem("measure"), measure = "density"; // what is drawn upwards

  const x = (p) => (by === "section" ? p.section : p.id);
  const place = (p) => (p.section === null ? `image ${p.id}` : `section ${p.section}`) + (p.tile === null ? "" : `, tile ${p.tile}`);
  const unsure = (p) => p.outcome === 0 && p.provisional; // drawn hollow: nobody has said what sharp is
  const said = (p) => WORDS[p.outcome] + (p.provisional ? ", provisional" : "");
  // What a person called sharp is what blur is measured from, whatever else is known of it.
  const value = (p) => (measure === "blur" ? (p.blur ? p.blur[0] : p.confirmed ? 0 : null) : p.density);
  const number = (p) => (p.blur ? `${p.blur[3]}; ` : "") + features(p);
  const features = (p) => p.density === null ? "no number" : `${Math.round(p.density).toLocaleString("en")} a megapixel`
    + (p.expected ? `, ${Math.round(100 * p.density / p.expected)}% of the expected` : "");

  function take(rows) {
    for (const [id, section, t, density, outcome, provisional, expected, threshold, confirmed, dof, shot, blur] of rows)
      byId.set(id, { id, section, tile: t, density, outcome, provisional, expected, threshold, confirmed, dof, shot, blur });
    stale = true;
    if (sources && by === "section" && byId.size && ![...byId.values()].some((p) => p.section !== null)) return again(); // names say no section
    weigh();
    draw();
  }

  function heard() { // all that there is by now has been told
    if (known) return;
    known = true;
    draw();
  }

  function weigh() { // blur where it is known, unless somebody wants the features
    const measured = [...byId.values()].some((p) => p.blur);
    document.getElementById("measure-choice").hidden = !measured;
    const wanted = measured && chosen !== "density" ? "blur" : "density";
    document.getElementById("measure").value = wanted;
    if (wanted === measure) return;
    measure = wanted;
    if (sources) again(); // another axis is another drawing
  }

  function sorted() {
    if (stale) {
      const newest = new Map(); // of two takes of a shot the newer counts; another file of its section and tile is no take
      for (const p of byId.values()) {
        if (x(p) === null) continue;
        const key = by === "section" ? p.shot : p.id;
        const other = newest.get(key);
        if (!other || other.id < p.id) newest.set(key, p);
      }
      order = [...newest.values()].sort((a, b) => x(a) - x(b) || a.id - b.id);
      stale = false;
      tiles();
    }
    return tile === null ? order : order.filter((p) => p.tile === tile);
  }

  function tiles() {
    const names = [...new Set(order.map((p) => p.tile))].filter((t) => t !== null);
    names.sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
    const select = document.getElementById("tile");
    document.getElementById("tile-choice").hidden = names.length < 2;
    if (select.options.length - 1 === names.length || names.length < 2) return;
    select.replaceChildren(new Option("all", ""), ...names.map((name) => new Option(name, name)));
    select.value = tile ?? "";
  }

  function thinned(points) {
    if (points.length <= DENSE) return points;
    const left = x(points[0]), width = (x(points.at(-1)) - left || 1) / COLUMNS, ends = new Map(), kept = [];
    for (const p of points) {
      if (p.outcome !== 0 || p.confirmed || value(p) === null) { kept.push(p); continue; }
      const column = Math.floor((x(p) - left) / width), end = ends.get(column);
      if (!end) ends.set(column, [p, p]);
      else if (value(p) < value(end[0])) end[0] = p;
      else if (value(p) > value(end[1])) end[1] = p;
    }
    for (const [low, high] of ends.values()) kept.push(low, ...(high === low ? [] : [high]));
    return kept;
  }

  function window_(points) {
    if (moving && range) return [range.start, range.end];
    if (!points.length) return [0, 1];
    const first = x(points[0]), last = x(points.at(-1));
    const from = span === "all" ? first : Math.max(first, last - Number(span));
    const pad = Math.max(1, 0.02 * (last - from));
    return [from - pad, last + pad];
  }

  function draw() {
    if (!sources || queued) return;
    queued = true;
    requestAnimationFrame(() => { queued = false; if (sources) now(); }); // by then another drawing may be on its way
  }

  function counts(seen) { // a log axis: its ends, and where stands what has no number
    let low = Infinity, high = 0;
    for (const p of seen) for (const v of [p.density, p.threshold, p.expected]) if (v > 0) { low = Math.min(low, v); high = Math.max(high, v); }
    if (!high) { low = 500; high = 5000; }
    return [low * 0.6, high * 1.35, low * 0.636];
  }

  function pixels(seen) { // the same for blur; what is sharper than its neighbours is below 0
    let low = -0.5, high = 2 * (extra.tolerance ?? 1);
    for (const p of seen) if (p.blur) { low = Math.min(low, p.blur[0]); high = Math.max(high, p.blur[0]); }
    const wide = high - low;
    return [low - 0.16 * wide, high + 0.08 * wide, low - 0.1 * wide];
  }

  function now() {
    const all = sorted(), [left, right] = window_(all);
    const seen = all.filter((p) => x(p) >= left && x(p) <= right), shown = thinned(seen);
    const [low, high, rail] = measure === "blur" ? pixels(seen) : counts(seen), one = new Set(all.map((p) => p.tile)).size <= 1;
    const blurs = measure === "blur";
    const scheme = COLOURS[dark.matches ? "dark" : "light"];
    const fill = (name, data) => { sources[name].data = data; };
    drawing = true;
    range.setv({ start: left, end: right });
    up.setv({ start: low, end: high });
    fill("points", {
      x: shown.map(x), y: shown.map((p) => height(p, low, rail)), id: shown.map((p) => p.id),
      place: shown.map(place), said: shown.map(said), number: shown.map(number),
      colour: shown.map((p) => scheme[p.outcome]), fill: shown.map((p) => (unsure(p) ? 0 : 0.85)), marker: shown.map((p) => MARKERS[p.outcome]), size: shown.map((p) => SIZES[p.outcome]) });
    const confirmed = shown.filter((p) => p.confirmed && value(p) !== null);
    fill("confirmed", { x: confirmed.map(x), y: confirmed.map(value) });
    const measured = blurs ? shown.filter((p) => p.blur) : [];
    fill("whiskers", { x: measured.map(x), low: measured.map((p) => Math.max(low, p.blur[1])), high: measured.map((p) => Math.min(high, p.blur[2])), colour: measured.map((p) => scheme[p.outcome]) });
    const limit = blurs && extra.tolerance ? [extra.tolerance] : [];
    fill("tolerance", { x0: limit.map(() => left), x1: limit.map(() => right), y: limit });
    const judged = one && !blurs ? thinned(seen.filter((p) => p.threshold !== null)).sort((a, b) => x(a) - x(b)) : [];
    fill("band", { x: judged.map(x), low: judged.map((p) => p.threshold), high: judged.map((p) => p.expected) });
    const held = one ? extra.anchors.filter((a) => a[0] === (all[0]?.tile ?? null)) : [];
    const dashed = blurs ? [] : held;
    fill("anchor", { x0: dashed.map(() => left), x1: dashed.map(() => right), y: dashed.map((a) => a[1]) });
    const drifts = extra.drifts.filter((d) => d[1] !== null && (tile === null || d[0] === tile));
    fill("drift", { left: drifts.map((d) => d[1] - 0.5), right: drifts.map(() => right), low: drifts.map(() => low), high: drifts.map(() => high) });
    const gone = by === "section" ? extra.missing.filter((m) => m[0] >= left && m[0] <= right && (tile === null || m[1] === null || m[1] === tile)) : [];
    fill("missing", { x: gone.map((m) => m[0]), y: gone.map(() => rail), place: gone.map((m) => `section ${m[0]} is missing`) });
    const at = cursor === null ? null : byId.get(cursor);
    fill("cursor", at && x(at) !== null ? { x: [x(at)], y: [height(at, low, rail)] } : { x: [], y: [] });
    drawing = false;
    const total = [0, 0, 0, 0];
    let open = 0;
    for (const p of seen) if (unsure(p)) open += 1; else total[p.outcome] += 1;
    document.getElementById("chart").classList.toggle("empty", !byId.size);
    const parts = total.map((n, i) => (n ? `${["●", "▼", "◆", "✕"][i]} ${n.toLocaleString("en")} ${WORDS[i]}` : "")).filter(Boolean);
    if (open) parts.splice(total[0] ? 1 : 0, 0, `○ ${open.toLocaleString("en")} in focus, provisional`);
    const notes = [parts.join("\u2003")];
    if (!byId.size) notes[0] = known ? "It begins with the first verdict." : "";
    if (limit.length) notes.push(`dotted: the tolerance, ${extra.tolerance} px`);
    if (measured.length) notes.push("whiskers: 95% of the true values");
    if (blurs && shown.some((p) => value(p) === null)) notes.push("at the bottom: no number");
    if (judged.length) notes.push("grey band: from the threshold up to the expected");
    else if (!one && !blurs) notes.push("choose a tile to see its threshold");
    if (dashed.length) notes.push(`dashed: the anchor, ${held[0][2]} confirmed image${held[0][2] > 1 ? "s" : ""} at ${Math.round(held[0][1]).toLocaleString("en")}`);
    else if (held.length) notes.push(`rings: the anchor, ${held[0][2]} confirmed image${held[0][2] > 1 ? "s" : ""}, at 0 if not measured`);
    else if (one && all.length) notes.push("no anchor yet: nobody has confirmed a sharp image");
    if (gone.length) notes.push(`| ${gone.length} missing`);
    if (shown.length < seen.length) notes.push("of images in focus, only the outermost of each column are drawn");
    const text = notes.join(" · ");
    const note = document.getElementById("chart-note");
    if (note.textContent !== text) note.textContent = text;
    const host = document.getElementById("chart");
    host.setAttribute("aria-label", `Sharpness of ${seen.length} images: ${parts.join(", ") || "none yet"}`);
    host.dataset.measure = measure;
    host.dataset.points = String(byId.size);
    host.dataset.drawn = String(shown.length);
    host.dataset.anchor = held.length ? String(held[0][1]) : "";
    document.dispatchEvent(new Event("drawn"));
  }

  async function start(open) { // the newest of several counts; an older one gives nothing
    const mine = ++starts, wanted = measure;
    const answer = await fetch(`/chart?scheme=${dark.matches ? "dark" : "light"}&measure=${wanted}`);
    if (!answer.ok) throw new Error(await answer.text());
    const { by: axis, item, waits } = await answer.json();
    if (mine !== starts) return null;
    by = axis; stale = true;
    document.getElementById("chart-drawing").replaceChildren();
    await Bokeh.embed.embed_item(item, "chart-drawing");
    if (mine !== starts) return null;
    const doc = Bokeh.documents.at(-1);
    sources = Object.fromEntries(["points", "whiskers", "tolerance", "band", "anchor", "drift", "missing", "confirmed", "cursor"].map((name) => [name, doc.get_model_by_name(name)]));
    range = doc.get_model_by_name("across"); up = doc.get_model_by_name("up");
    range.change.connect(() => { if (!drawing) { moving = true; draw(); } });
    sources.points.selected.change.connect(() => {
      const [index] = sources.points.selected.indices;
      if (index === undefined) return;
      const id = sources.points.get("id")[index];
      sources.points.selected.indices = [];
      if (id) open(id);
    });
    if (wanted !== measure) again(); // it became known meanwhile
    else now();
    return waits;
  }

  const height = (p, low, rail) => { const v = value(p); return v === null || v < low ? rail : v; };

  function move(step) {
    const all = sorted();
    if (!all.length) return;
    let i = all.findIndex((p) => p.id === cursor);
    i = step === -Infinity ? 0 : step === Infinity || i < 0 ? all.length - 1 : Math.min(all.length - 1, Math.max(0, i + step));
    cursor = all[i].id;
    if (range && (x(all[i]) < range.start || x(all[i]) > range.end)) {
      const half = (range.end - range.start) / 2;
      moving = true; drawing = true; range.setv({ start: x(all[i]) - half, end: x(all[i]) + half }); drawing = false;
    }
    document.getElementById("chart-said").textContent = `${place(all[i])}: ${said(all[i])}, ${number(all[i])}`;
    draw();
  }

  return {
    take, heard, start, move, draw,
    set: (chart) => { extra = chart; draw(); },
    show: (count) => { span = count; moving = false; draw(); },
    only: (name) => { tile = name === "" ? null : name; draw(); },
    weigh: (wanted) => { chosen = wanted; localStorage.setItem("measure", wanted); weigh(); },
    get cursor() { return cursor; },
    onOther: (act) => { again = () => { sources = null; act(); }; dark.addEventListener("change", again); },
  };
})();
