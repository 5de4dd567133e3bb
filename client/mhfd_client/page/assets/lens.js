"use strict";
// The form in which an operator says how a knob was turned. It turns none: what is said is kept, and learned from.
// The station tells which images there are; what was chosen and typed stays while it tells on.

const Lens = (() => {
  const $ = (id) => document.getElementById(id);
  let page = null;

  function start(of) { page = of; see(); }

  function see() {
    const choice = $("lens-choice");
    if (!choice) return;
    for (const id of ["turned-before", "turned-after"]) {
      const select = $(id), kept = select.value, chosen = select.selectedOptions[0];
      const options = [...choice.options].map((option) => option.cloneNode(true));
      const gone = kept && !options.some((option) => option.value === kept);
      select.replaceChildren(select.options[0], ...(gone ? [chosen] : []), ...options);
      select.value = kept;
    }
  }

  async function submit() {
    const button = $("turned-record"), knob = $("turned-knob").value;
    if (button.ariaDisabled === "true") return;
    button.ariaDisabled = "true"; // not `disabled`: that would throw the keyboard's place away
    const unit = knob === "working distance" ? ` ${$("turned-unit").value}` : "";
    const number = (id) => ($(id).value ? Number($(id).value) : null);
    const said = { move: `${knob} ${$("turned-by").value.trim()}${unit}`, before: number("turned-before"), after: number("turned-after"), who: $("who").value.trim() };
    try {
      const answer = await fetch("/moves", { method: "POST", headers: { "Content-Type": "application/json", "X-MHFD-Stamp": page.stamp }, body: JSON.stringify(said) });
      const words = await answer.text();
      if (!answer.ok) throw new Error(words);
      $("turned-said").textContent = words;
      for (const id of ["turned-by", "turned-before", "turned-after"]) $(id).value = "";
    } catch (error) {
      $("turned-said").textContent = `Not recorded: ${error.message}`;
    }
    button.ariaDisabled = "false";
  }

  function turned() { $("turned-unit").hidden = $("turned-knob").value !== "working distance"; }

  return { start, see, submit, turned };
})();
