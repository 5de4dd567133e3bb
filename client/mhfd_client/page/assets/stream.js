"use strict";
// What the station tells, once for all tabs: a browser opens six connections to a server and no more, so a seventh tab
// with a stream of its own would never load. This runs as a worker that the tabs share: it holds the one stream,
// remembers what was told, and tells a tab that comes later all of it. It lives as long as one of its tabs.
// Where there are no such workers, each tab asks again and again (`brief`) and holds no connection meanwhile.

const EVENTS = ["panels", "points", "upto", "chart", "heard", "tick", "failed", "other"];

function follow(run, tell, { brief = false } = {}) {
  const SILENT_MS = 14000;
  let source = null, after = 0, heard = Date.now(), wait = 500, retry = 0;

  function connect() {
    clearTimeout(retry);
    if (source) source.close();
    source = new EventSource(`/live?after=${after}&run=${run}${brief ? "&brief=1" : ""}`);
    for (const name of EVENTS) source.addEventListener(name, (event) => {
      heard = Date.now(); wait = 500;
      const value = JSON.parse(event.data);
      if (name === "upto") after = value;
      tell(name, value);
    });
    source.onerror = () => { // the browser tries again by itself, but not after an answer that is no stream
      if (source.readyState !== EventSource.CLOSED) return;
      clearTimeout(retry); retry = setTimeout(connect, wait); wait = Math.min(5000, 2 * wait);
    };
  }

  function again() { heard = Date.now(); connect(); }

  setInterval(() => { if (Date.now() - heard > SILENT_MS && source.readyState !== EventSource.CONNECTING) again(); }, 1000);
  connect();
  return again;
}

if ("SharedWorkerGlobalScope" in self) {
  const tabs = new Set(), panels = {}, points = new Map(), last = {};

  const again = follow(self.name, (name, value) => {
    if (name === "panels") Object.assign(panels, value);
    else if (name === "points") for (const row of value) points.set(row[0], row);
    else last[name] = value;
    for (const tab of tabs) tab.postMessage([name, value]);
  });

  self.onconnect = ({ ports: [tab] }) => {
    tab.onmessage = ({ data }) => { if (data === "bye") tabs.delete(tab); else again(); };
    const told = [["panels", panels], ["points", [...points.values()]], ...Object.entries(last)];
    for (const one of told) tab.postMessage(one);
    tabs.add(tab);
  };
}
