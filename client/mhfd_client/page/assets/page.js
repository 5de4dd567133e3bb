"use strict";
// Keeps the page as the station says it is. The station's parts arrive as HTML of its own making (file names in it are
// escaped there); nothing here builds HTML from data, and nothing that is shown can run.

(() => {
  const STALE_MS = 7000, READ_MS = 8000;
  const $ = (id) => document.getElementById(id);
  const stamp = document.querySelector("meta[name=mhfd-stamp]").content;
  const run = document.querySelector("meta[name=mhfd-run]").content;
  const shown = new Map();
  const dialog = $("look");
  let heard = Date.now(), skew = 0, looking = null, opener = null, keyState = "", asked = 0, waiting = 0, broken = null, unread = 0, reconnect = () => {};

  // -- the parts

  function put(name, html) {
    if (shown.get(name) === html) return;
    shown.set(name, html);
    const host = document.querySelector(`[data-panel=${name}]`);
    const focused = host.contains(document.activeElement) ? document.activeElement.id : "";
    const scrolls = [...host.querySelectorAll("[data-keep]")].map((e) => [e.dataset.keep, e.scrollLeft, e.scrollTop]);
    const unfolded = [...host.querySelectorAll("details[open]")].map((e) => e.id);
    const fresh = document.createElement("template");
    fresh.innerHTML = html;
    const loaded = new Map([...host.querySelectorAll("img")].map((img) => [img.src, img]));
    for (const img of fresh.content.querySelectorAll("img")) { // a picture that is there stays there: no flicker
      const old = loaded.get(new URL(img.getAttribute("src"), location.href).href);
      if (old && old.className === img.className) { loaded.delete(old.src); old.alt = img.alt; img.replaceWith(old); }
    }
    host.replaceChildren(fresh.content);
    for (const [keep, left, top] of scrolls) { const e = host.querySelector(`[data-keep="${keep}"]`); if (e) { e.scrollLeft = left; e.scrollTop = top; } }
    for (const id of unfolded) if ($(id)) $(id).open = true;
    if (focused) ($(focused) || near(host)).focus({ preventScroll: true });
    dress(host);
    if (name === "state") announce();
    if (name === "retake") Retakes.see();
    if (name === "lens") Lens.see();
  }

  function near(host) { // where the keyboard goes when what it was on has gone
    const section = host.closest("section[tabindex]");
    return section && section.childElementCount ? section : $("todo");
  }

  function dress(host) {
    for (const img of host.querySelectorAll("img[data-thumb], img[data-heat]")) img.addEventListener("error", () => { img.style.visibility = "hidden"; });
    Crops.dress(host);
    const box = host.querySelector("[data-show-map]");
    if (box) { box.checked = localStorage.getItem("map") !== "no"; host.classList.toggle("nomap", !box.checked); }
    ago();
  }

  function announce() {
    const parts = [...document.querySelectorAll("#state .cell")].map((cell) => `${cell.querySelector(".label").textContent} ${cell.querySelector("strong").textContent.replace(/[^\p{L}\p{N} ,.?]/gu, "")}`);
    const troubles = [...document.querySelectorAll("#state .trouble")].map((e) => e.textContent);
    const text = [...parts, ...troubles].join(". ");
    if (text !== keyState && keyState) $("announce").textContent = text;
    keyState = text;
    const { title, icon } = $("name").dataset;
    document.title = title;
    face(icon);
  }

  function face(kind) { // the window's icon: a shape of its own for each kind
    const href = `/assets/icon-${kind}.svg`;
    if ($("icon").getAttribute("href") !== href) $("icon").setAttribute("href", href);
  }

  function ago() {
    for (const e of document.querySelectorAll("time[data-ago]")) {
      const s = Math.max(0, Math.round((Date.now() + skew) / 1000 - Number(e.dataset.ago)));
      const text = s < 90 ? `${s} s ago` : s < 5400 ? `${Math.round(s / 60)} min ago` : s < 172800 ? `${Math.round(s / 3600)} h ago` : `${Math.round(s / 86400)} days ago`;
      if (e.textContent !== text) e.textContent = text;
    }
  }

  // -- what the station tells

  const hear = {
    panels: (parts) => { for (const [name, html] of Object.entries(parts)) put(name, html); look(looking, true); },
    points: (rows) => Course.take(rows),
    upto: () => look(looking, true),
    heard: () => look(looking, true), // a label that turned no verdict
    chart: (chart) => { Course.set(chart); Waits.set(chart.waits); },
    tick: ({ now }) => { skew = now * 1000 - Date.now(); ago(); Course.heard(); }, // after all that was new
    failed: (why) => { broken = why; lost(why); },
    other: () => location.reload(),
  };

  function told(name, value) {
    heard = Date.now();
    if (broken === null && Date.now() > unread && document.body.classList.contains("stale")) lost(null);
    hear[name](value);
  }

  function connect() {
    if (!window.SharedWorker) { reconnect = follow(run, told, { brief: true }); return; }
    const worker = new SharedWorker("/assets/stream.js", { name: run });
    worker.port.onmessage = ({ data: [name, value] }) => told(name, value);
    worker.onerror = () => { reconnect = follow(run, told, { brief: true }); };
    reconnect = () => worker.port.postMessage("again");
    addEventListener("pagehide", () => worker.port.postMessage("bye"));
    addEventListener("pageshow", (event) => { if (event.persisted) connect(); }, { once: true });
  }

  function lost(why) {
    document.body.classList.toggle("stale", why !== null);
    $("lost").hidden = why === null;
    if (why !== null && $("lost").textContent !== why) $("lost").textContent = why;
    if (why !== null) { document.title = `✕ No connection - ${$("name").textContent} - mhfd`; face("bad"); }
    else if (keyState) announce();
  }

  function failed(why) { // what came of a press: it stays until it is read, though the station tells on
    unread = Date.now() + READ_MS;
    lost(why);
  }

  function check() {
    if (Date.now() - heard < STALE_MS || document.body.classList.contains("stale")) return;
    lost(`No word from the station since ${new Date(heard).toLocaleTimeString()}. What you see below is old; this page goes on by itself when the station is back.`);
  }

  // -- looking at one image

  async function look(id, again = false) {
    if (!id) return;
    const mine = ++asked; // of answers that overtake each other the last one counts
    let html;
    try {
      const answer = await fetch(`/images/${id}`);
      if (!answer.ok) throw new Error(await answer.text());
      html = await answer.text();
    } catch (error) {
      if (again && looking === id && dialog.querySelector(".waits")) { clearTimeout(waiting); waiting = setTimeout(() => look(looking, true), 1000); }
      if (!again) { $("announce").textContent = ""; lost(`This image cannot be shown: ${error.message}`); }
      return;
    }
    if (again && (looking !== id || mine !== asked)) return;
    clearTimeout(waiting);
    if (html.includes('class="waits"')) waiting = setTimeout(() => look(looking, true), 500); // also when no stream tells of it
    if (again && shown.get("look") === html) return;
    shown.set("look", html);
    if (again) { // the words changed, the pictures stay
      const fresh = document.createElement("template");
      fresh.innerHTML = html;
      const focused = document.activeElement?.id;
      const unfolded = dialog.querySelector("details[open]");
      for (const part of [".lookhead", ".sentence", ".actions", ".facts"]) dialog.querySelector(part)?.replaceWith(fresh.content.querySelector(part));
      for (const pane of dialog.querySelectorAll(".pane")) {
        const caption = fresh.content.querySelector(`.pane[data-image="${pane.dataset.image}"] + figcaption`);
        if (caption) pane.nextElementSibling.replaceWith(caption);
      }
      if (unfolded && dialog.querySelector("details")) dialog.querySelector("details").open = true;
      if (focused && dialog.open) ($(focused) || dialog.querySelector(".actions button") || $("look-h")).focus();
      return;
    }
    if (!looking) opener = document.activeElement;
    Say.close();
    looking = id;
    dialog.innerHTML = html;
    if (!dialog.open) dialog.showModal();
    Viewer.open($("panes"));
    $("look-h").focus();
    if (location.hash !== `#image-${id}`) history.pushState(null, "", `#image-${id}`);
  }

  function closed() {
    if (!looking) return;
    looking = null;
    clearTimeout(waiting);
    Say.close();
    shown.delete("look");
    Viewer.close();
    dialog.replaceChildren();
    if (location.hash) history.pushState(null, "", location.pathname);
    const back = opener && opener.isConnected ? opener : opener && $(opener.id);
    if (back) back.focus();
  }

  function visit() {
    const [, id] = location.hash.match(/^#image-(\d+)$/) || [];
    if (id) look(Number(id)); else if (dialog.open) dialog.close();
  }

  document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); near($("ask")).focus(); });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.label) Say.press(button);
    else if (button.dataset.later) Say.later(button);
    else if (button.dataset.step) Say.step(button.dataset.step);
    else if (button.dataset.alert) Alerts.press(button, { stamp, lost: failed, told: (text) => { $("announce").textContent = text; } });
    else if (button.dataset.leaf) Retakes.turn(button);
    else if (button.dataset.look) look(Number(button.dataset.look));
    else if (button.dataset.zoom) Viewer.command(button.dataset.zoom);
    else if ("close" in button.dataset) dialog.close();
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-show-map]")) { localStorage.setItem("map", event.target.checked ? "yes" : "no"); dress(event.target.closest("[data-panel]")); }
  });
  document.addEventListener("keydown", (event) => {
    if (Say.key(event)) return;
    if (event.target.id === "panes") return Viewer.key(event);
    if (event.target.id !== "chart") return;
    const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };
    if (event.key in steps) { event.preventDefault(); Course.move(steps[event.key]); }
    else if (event.key === "Enter" && Course.cursor) { event.preventDefault(); look(Course.cursor); }
  });
  Retakes.start(put);
  Say.start({ stamp, look: (id) => look(id), again: () => look(looking, true), leave: () => dialog.close(), at: () => looking, lost: failed, told: (text) => { $("announce").textContent = text; } });
  if ($("turned")) {
    Lens.start({ stamp });
    $("turned-knob").addEventListener("change", Lens.turned);
  }
  document.addEventListener("submit", (event) => { event.preventDefault(); if (event.target.id === "turned") Lens.submit(); else Say.step("submit"); });
  dialog.addEventListener("cancel", (event) => { if (Say.close()) event.preventDefault(); });
  dialog.addEventListener("close", closed);
  addEventListener("popstate", visit);
  addEventListener("online", () => reconnect());
  document.addEventListener("visibilitychange", () => { if (!document.hidden && Date.now() - heard > STALE_MS) reconnect(); });
  $("span").addEventListener("change", (e) => Course.show(e.target.value));
  $("measure").addEventListener("change", (e) => Course.weigh(e.target.value));
  $("tile").addEventListener("change", (e) => Course.only(e.target.value));
  $("who").value = localStorage.getItem("who") || "";
  $("who").addEventListener("change", (e) => localStorage.setItem("who", e.target.value.trim()));

  for (const host of document.querySelectorAll("[data-panel]")) dress(host);
  announce();
  setInterval(() => { check(); ago(); }, 1000);
  const begin = () => Course.start((id) => look(id)).then((item) => item && Waits.start(item, look)).catch((error) => lost(`The chart cannot be shown: ${error.message}`));
  Course.onOther(begin);
  connect();
  begin();
  visit();
})();
