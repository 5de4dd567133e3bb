"use strict";
// Parts of images, each pixel of the image as a whole number of pixels of the screen: the number that comes nearest to
// what the page calls a pixel. Nothing is smoothed, so what looks soft is soft. A file that is gone leaves its small
// picture, and it is said that this one shows no blur.

const Crops = (() => {
  function measure() {
    const ratio = devicePixelRatio || 1;
    document.documentElement.style.setProperty("--dot", String(Math.max(1, Math.round(ratio)) / ratio));
    matchMedia(`(resolution: ${ratio}dppx)`).addEventListener("change", measure, { once: true }); // another screen, or zoomed
  }

  async function lost(img) {
    const asked = img.src, host = img.parentElement;
    img.removeAttribute("data-crop");
    img.classList.add("small");
    img.src = img.dataset.small;
    const words = document.createElement("span");
    words.className = "gone";
    words.textContent = "The full image cannot be shown.";
    host.append(words);
    try {
      const answer = await fetch(asked);
      if (!answer.ok) words.textContent = `${await answer.text()} This is its small picture: it does not show a slight blur.`;
    } catch { /* the page says by itself that it has lost its connection */ }
  }

  function dress(host) {
    for (const img of host.querySelectorAll("img[data-crop]:not([data-heard])")) { // a picture that stays is heard once
      img.dataset.heard = "yes";
      if (img.complete && !img.naturalWidth) lost(img); // it failed before anybody listened
      else img.addEventListener("error", () => lost(img), { once: true });
    }
  }

  measure();
  return { dress };
})();
