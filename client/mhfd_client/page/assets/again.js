"use strict";
// A page that is looked at once a day: it is read anew each half minute, but not while somebody reads what is opened.

setInterval(() => {
  if (!document.hidden && !document.querySelector("details[open]") && String(getSelection()) === "") location.reload();
}, 30000);
