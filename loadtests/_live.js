"use strict";
// Charts of the calls below the tab "Phone calls" of Locust's page, or on their own.
(() => {
  const own = new URL(document.currentScript.src);
  const charts = new URL("charts", own);
  const always = document.body.hasAttribute("data-always");
  const place = document.createElement("section");
  place.id = "busyhour-charts";
  place.setAttribute("aria-label", "charts of the calls");
  const piece = place.attachShadow({ mode: "open" });
  // Below the open tab, as its last neighbour: what Locust draws anew comes before it.
  const settle = () => {
    const tabs = document.querySelector("[role=tablist]");
    const room = (tabs && tabs.closest(".MuiContainer-root")) || document.body;
    if (room.lastElementChild !== place) room.append(place);
  };
  const isDark = () => {
    const [red, green, blue] = (
      getComputedStyle(document.body).backgroundColor.match(/[\d.]+/g) || [255, 255, 255]
    ).map(Number);
    return red + green + blue < 384;
  };
  const isOpen = () =>
    always || new URLSearchParams(location.search).get("tab") === "phone-calls";
  let asking = false;
  const draw = async () => {
    settle();
    place.hidden = !isOpen();
    if (place.hidden || asking || document.hidden) return;
    asking = true;
    try {
      const answer = await fetch(charts);
      if (answer.ok) piece.innerHTML = await answer.text();
      place.dataset.theme = !always && isDark() ? "dark" : "light";
    } catch {
      // Locust has ended: the last charts stay.
    } finally {
      asking = false;
    }
  };
  setInterval(draw, 2000);
  let tab = "";
  setInterval(() => {
    if (location.search !== tab) {
      tab = location.search;
      draw();
    }
  }, 200);
  draw();
})();
