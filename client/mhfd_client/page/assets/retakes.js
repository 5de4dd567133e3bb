"use strict";
// The list of what to take again. The station tells that it has changed; the page of it that is looked at is fetched
// then, in the order that was chosen here.

const Retakes = (() => {
  let order = localStorage.getItem("retake-order") === "newest" ? "newest" : "section";
  let number = 0, known = null, asked = 0, retry = 0, put = () => {};

  async function load() {
    const mine = ++asked;
    clearTimeout(retry);
    try {
      const answer = await fetch(`/retake?order=${order}&number=${number}`);
      if (!answer.ok) throw new Error(await answer.text());
      const html = await answer.text();
      if (mine === asked) put("retakes", html);
    } catch {
      if (mine === asked) retry = setTimeout(load, 2000); // what is wrong, the page says by itself
    }
  }

  function see() {
    const { mark, count } = document.getElementById("retake-mark").dataset;
    document.getElementById("order-choice").hidden = Number(count) < 2;
    if (mark !== known) { known = mark; load(); }
  }

  function turn(button) {
    if (button.ariaDisabled === "true") return;
    number = Number(button.dataset.leaf);
    load();
  }

  function start(how) {
    put = how;
    const select = document.getElementById("order");
    select.value = order;
    select.addEventListener("change", () => { order = select.value; number = 0; localStorage.setItem("retake-order", order); load(); });
    see();
  }

  return { start, see, turn };
})();
