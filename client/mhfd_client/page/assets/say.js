"use strict";
// What people say of an image. A label that teaches asks the station's page first how many verdicts it would turn; many
// are said, in the image's dialog, before it counts. Nobody has to wait for the number.

const Say = (() => {
  const SOON_MS = 400;
  const WORDS = { sharp: "Sharp anyway", "not-sharp": "Not sharp anyway", "undo-focus": "Take it back anyway" };
  const $ = (id) => document.getElementById(id);
  let page = null, open = null, before = null; // open: the step that waits for an answer; before: the press before

  function start(of) { page = of; }

  async function press(button) {
    const label = { image: Number(button.dataset.image), label: button.dataset.label };
    if (button.ariaDisabled === "true") return;
    if (label.label === "again") return note();
    button.ariaDisabled = "true"; // not `disabled`: that would throw the keyboard's place away
    const answer = label.label in WORDS ? await sure(label) : "yes";
    if (answer === "yes") await post(label, button);
    else if (answer === "again") note();
    if (answer !== "yes") button.ariaDisabled = "false";
  }

  async function post(label, button = null) {
    try {
      const answer = await fetch("/labels", { method: "POST", headers: { "Content-Type": "application/json", "X-MHFD-Stamp": page.stamp }, body: JSON.stringify({ ...label, who: $("who").value.trim() }) });
      if (!answer.ok) throw new Error(await answer.text());
      page.told("Said; the station takes it in.");
      page.again();
    } catch (error) {
      if (button) button.ariaDisabled = "false";
      page.lost(`That was not saved: ${error.message}. Try again.`);
    }
  }

  async function later(button) {
    if (button.ariaDisabled === "true") return;
    button.ariaDisabled = "true";
    try {
      const answer = await fetch("/later", { method: "POST", headers: { "Content-Type": "application/json", "X-MHFD-Stamp": page.stamp }, body: JSON.stringify({ image: Number(button.dataset.later) }) });
      if (!answer.ok) throw new Error(await answer.text());
      page.told("You are not asked again for a while.");
    } catch (error) {
      button.ariaDisabled = "false";
      page.lost(`That was not saved: ${error.message}. Try again.`);
    }
  }

  // -- steps between the press and the label

  // Each press keeps its answer: one that looks up its image while the number comes, or while another press asks, waits
  // for its turn. What turns little is said without asking, and an image that was shown only to ask about it goes again.
  function sure(label) {
    const turn = before;
    const answered = new Promise((resolve) => {
      let counted = null, shown = null;
      const unwanted = new AbortController(); // who has answered waits for no number
      const mine = { over: false, resolve: (answer) => { mine.over = true; clearTimeout(late); unwanted.abort(); resolve(answer); } };
      const show = async () => {
        await turn;
        if (mine.over) return;
        mine.back = document.activeElement;
        const elsewhere = page.at() !== label.image;
        if (elsewhere) await page.look(label.image);
        const there = page.at() === label.image;
        if (mine.over && elsewhere && there && !open) page.leave();
        if (mine.over || !there) return;
        close();
        open = mine;
        mine.brought = elsewhere;
        $("sure-said").textContent = counted ? counted.sentence : "Counting how many verdicts this would turn\u2026";
        $("sure-yes").textContent = WORDS[label.label];
        $("sure-again").hidden = label.label !== "not-sharp";
        $("sure-step").hidden = false;
        $(label.label === "not-sharp" ? "sure-again" : "sure-no").focus(); // Enter does no harm
      };
      const late = setTimeout(() => { shown = show(); }, SOON_MS);
      fetch(`/images/${label.image}/foreseen?label=${label.label}`, { signal: unwanted.signal })
        .then(async (answer) => { if (!answer.ok) throw new Error(await answer.text()); return answer.json(); })
        .catch(() => ({ many: true, sentence: "How many verdicts this would turn could not be counted." }))
        .then(async (found) => {
          clearTimeout(late);
          counted = found;
          if (mine.over) return;
          if (!counted.many) {
            if (open !== mine) return mine.resolve("yes");
            close("yes");
            if (mine.brought) page.leave();
            return;
          }
          if (open === mine) $("sure-said").textContent = counted.sentence;
          await (shown ?? show());
          if (mine.over || open === mine) return;
          mine.resolve("close"); // whoever pressed it looks at another image by now, or this one cannot be shown
          page.lost("That was not saved, as it would turn many verdicts and nobody could be asked. Press it again.");
        });
    });
    before = answered;
    return answered;
  }

  function note() {
    close();
    open = { resolve: () => {}, back: document.activeElement };
    $("again-step").hidden = false;
    $("again-note").focus();
  }

  function step(answer) {
    if (answer === "submit") {
      const label = { image: Number($("again-step").dataset.image), label: "again", note: $("again-note").value.trim() };
      close();
      $("again-note").value = "";
      return post(label);
    }
    close(answer);
  }

  function close(answer = "close") {
    if (!open) return false;
    const { resolve, back } = open;
    open = null;
    for (const id of ["again-step", "sure-step"]) if ($(id)) $(id).hidden = true;
    if (back && back.isConnected) back.focus();
    resolve(answer);
    return true;
  }

  // One letter for each button of the dialog, while nothing is typed.
  function key(event) {
    if (!page.at() || open || event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return false;
    const button = document.querySelector(`#look [data-key="${CSS.escape(event.key.toLowerCase())}"]`);
    if (!button) return false;
    event.preventDefault();
    button.focus();
    press(button);
    return true;
  }

  return { start, press, later, step, close, key };
})();
