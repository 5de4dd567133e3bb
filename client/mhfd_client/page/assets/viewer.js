"use strict";
// Images side by side, moved and zoomed together. Each pane shows an overview at once and fetches the part that is
// looked at in full detail when the movement rests; pixels are never smoothed when they are shown larger than life.

const Viewer = (() => {
  let panes = [], at = { x: 0.5, y: 0.5, zoom: 1 }, timer = 0, pointers = new Map(), pinch = 0;

  function open(host) {
    close();
    panes = [...host.querySelectorAll(".pane")].map((box) => {
      const [height, width] = (box.dataset.shape || "0,0").split(",").map(Number);
      const pane = { box, width, height, id: box.dataset.image, base: null, part: null, wanted: "" };
      if (!width) { say(pane, box.dataset.why || "There is nothing to show."); return pane; }
      load(pane, { left: 0, top: 0, right: width, bottom: height, width: Math.min(width, 1024) }, "base");
      box.addEventListener("wheel", (e) => { e.preventDefault(); zoom(Math.exp(-e.deltaY / 400), e, pane); }, { passive: false });
      box.addEventListener("pointerdown", (e) => { pointers.set(e.pointerId, e); box.setPointerCapture(e.pointerId); });
      box.addEventListener("pointermove", (e) => drag(e, pane));
      for (const name of ["pointerup", "pointercancel"]) box.addEventListener(name, (e) => { pointers.delete(e.pointerId); pinch = 0; });
      return pane;
    });
    at = { x: 0.5, y: 0.5, zoom: 1 };
    new ResizeObserver(place).observe(host);
    place();
  }

  function close() {
    clearTimeout(timer);
    for (const pane of panes) for (const which of ["base", "part"]) if (pane[which]) URL.revokeObjectURL(pane[which].src);
    panes = []; pointers = new Map();
  }

  async function load(pane, part, which) {
    const query = new URLSearchParams(part).toString();
    if (which === "part") { if (pane.wanted === query) return; pane.wanted = query; }
    try {
      const answer = await fetch(`/images/${pane.id}/pixels?${query}`);
      if (!answer.ok) { if (which === "base") say(pane, await answer.text()); return; }
      const img = new Image();
      img.src = URL.createObjectURL(await answer.blob());
      await img.decode();
      if (which === "part" && pane.wanted !== query) { URL.revokeObjectURL(img.src); return; }
      if (pane[which]) { URL.revokeObjectURL(pane[which].src); pane[which].remove(); }
      img.alt = "";
      img.area = part;
      pane[which] = img;
      if (which === "base") { pane.box.prepend(img); pane.box.dataset.shown = "true"; } else pane.box.append(img);
      place();
    } catch {
      if (which === "base") say(pane, "The page has lost its connection: try again when it is back.");
    }
  }

  function say(pane, text) {
    const words = document.createElement("p");
    words.textContent = text;
    pane.box.replaceChildren(words);
    pane.box.dataset.failed = "true";
  }

  // One scale for all panes: an image shown smaller looks sharper than it is.
  const middle = () => panes.find((p) => p.box.closest(".this") && p.width) || panes.find((p) => p.width);
  const fit = () => { const p = middle(); return Math.min(p.box.clientWidth / p.width, p.box.clientHeight / p.height); };
  const scale = () => fit() * at.zoom;

  function place() {
    let real = 0;
    for (const pane of panes) {
      if (!pane.width || !pane.box.clientWidth) continue;
      const s = scale(), dx = pane.box.clientWidth / 2 - at.x * pane.width * s, dy = pane.box.clientHeight / 2 - at.y * pane.height * s;
      for (const img of [pane.base, pane.part]) {
        if (!img) continue;
        const { left, top, right } = img.area;
        img.style.transform = `translate(${dx + left * s}px, ${dy + top * s}px) scale(${((right - left) * s) / img.naturalWidth})`;
      }
      pane.box.classList.toggle("near", s * devicePixelRatio >= 1.5);
      if (pane.box.closest(".this")) real = s;
    }
    const label = document.getElementById("zoom-said");
    if (label) label.textContent = real ? `${Math.round(100 * real)}%` : "";
    clearTimeout(timer);
    timer = setTimeout(details, 120);
  }

  function details() {
    for (const pane of panes) {
      if (!pane.base) continue;
      const s = scale() * devicePixelRatio;
      if (s * pane.width <= pane.base.naturalWidth * 1.05) { if (pane.part) { pane.part.remove(); pane.part = null; pane.wanted = ""; } continue; }
      const halfW = pane.box.clientWidth / scale() / 2, halfH = pane.box.clientHeight / scale() / 2;
      const left = Math.max(0, Math.floor(at.x * pane.width - halfW)), right = Math.min(pane.width, Math.ceil(at.x * pane.width + halfW));
      const top = Math.max(0, Math.floor(at.y * pane.height - halfH)), bottom = Math.min(pane.height, Math.ceil(at.y * pane.height + halfH));
      if (right > left && bottom > top) load(pane, { left, top, right, bottom, width: Math.min(2048, Math.max(1, Math.round((right - left) * Math.min(1, s)))) }, "part");
    }
  }

  function zoom(factor, event, pane) {
    const one = pane || middle();
    if (!one) return;
    const most = Math.max(1, 16 / fit()), before = at.zoom;
    at.zoom = Math.min(most, Math.max(1, before * factor));
    if (event) { // what is under the pointer stays there
      const box = one.box.getBoundingClientRect(), s0 = fit() * before, s1 = scale();
      at.x += (event.clientX - box.left - box.width / 2) * (1 / s0 - 1 / s1) / one.width;
      at.y += (event.clientY - box.top - box.height / 2) * (1 / s0 - 1 / s1) / one.height;
    }
    keep();
  }

  function keep() {
    at.x = at.zoom === 1 ? 0.5 : Math.min(1, Math.max(0, at.x));
    at.y = at.zoom === 1 ? 0.5 : Math.min(1, Math.max(0, at.y));
    place();
  }

  function drag(event, pane) {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    pointers.set(event.pointerId, event);
    if (pointers.size === 2) {
      const [a, b] = [...pointers.values()], apart = Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
      if (pinch) zoom(apart / pinch, { clientX: (a.clientX + b.clientX) / 2, clientY: (a.clientY + b.clientY) / 2 }, pane);
      pinch = apart;
      return;
    }
    at.x -= (event.clientX - before.clientX) / (pane.width * scale());
    at.y -= (event.clientY - before.clientY) / (pane.height * scale());
    keep();
  }

  function command(name) {
    if (!middle()) return;
    if (name === "in") zoom(1.5);
    else if (name === "out") zoom(1 / 1.5);
    else if (name === "fit") { at = { x: 0.5, y: 0.5, zoom: 1 }; place(); }
    else if (name === "real") { at.zoom = Math.max(1, 1 / devicePixelRatio / fit()); keep(); }
  }

  function key(event) {
    const step = 0.15 / at.zoom;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (moves[event.key]) { at.x += moves[event.key][0]; at.y += moves[event.key][1]; keep(); }
    else if (event.key === "+" || event.key === "=") command("in");
    else if (event.key === "-") command("out");
    else if (event.key === "0") command("fit");
    else return;
    event.preventDefault();
  }

  return { open, close, command, key };
})();
