"use strict";
// What people say to an alert: that they know of it, or that it need not ring again for a while.

const Alerts = (() => {
  async function press(button, page) {
    if (button.ariaDisabled === "true") return;
    button.ariaDisabled = "true"; // not `disabled`: that would throw the keyboard's place away
    const said = { alert: Number(button.dataset.alert), answer: button.dataset.answer, who: document.getElementById("who").value.trim() };
    try {
      const answer = await fetch("/alerts", { method: "POST", headers: { "Content-Type": "application/json", "X-MHFD-Stamp": page.stamp }, body: JSON.stringify(said) });
      if (!answer.ok) throw new Error(await answer.text());
      page.told(said.answer === "acknowledge" ? "Acknowledged." : "Snoozed.");
    } catch (error) {
      page.lost(`That was not saved: ${error.message}. Try again.`);
    }
    button.ariaDisabled = "false";
  }

  return { press };
})();
