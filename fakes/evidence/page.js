"use strict";
const root = document.documentElement;
// The style knows themes only; the system's choice is one until the reader makes his.
root.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
document.querySelector("#theme").addEventListener("click", () => {
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
});
for (const call of document.querySelectorAll(".one-call")) {
  const picture = call.querySelector("svg.call");
  const audio = call.querySelector("audio");
  const starts = Number(call.dataset.starts);
  const scale = Number(picture.dataset.scale);
  const left = Number(picture.dataset.left);
  const head = picture.querySelector(".playhead");
  const point = (seconds) => {
    head.setAttribute("x1", left + seconds * scale);
    head.setAttribute("x2", left + seconds * scale);
  };
  const go = (pin) => {
    const at = Number(pin.dataset.at);
    point(at);
    call.querySelector("output").textContent = pin.querySelector("title").textContent;
    if (audio) audio.currentTime = Math.max(0, at - starts);
  };
  // One stop of the Tab key for all pins of a call; arrows go from pin to pin.
  const pins = [...picture.querySelectorAll(".pin")];
  pins.forEach((pin, place) => {
    pin.setAttribute("tabindex", place ? -1 : 0);
    pin.addEventListener("click", () => go(pin));
    pin.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (event.key === "Enter" || event.key === " ") go(pin);
      else if (step && pins[place + step]) pins[place + step].focus();
      else return;
      event.preventDefault();
    });
    pin.addEventListener("focus", () => {
      for (const other of pins) other.setAttribute("tabindex", other === pin ? 0 : -1);
    });
  });
  if (audio) audio.addEventListener("timeupdate", () => point(audio.currentTime + starts));
}
const words = document.querySelector("#filter");
const outcome = document.querySelector("#outcome");
const rows = document.querySelectorAll("#calls tbody tr");
const filter = () => {
  let left = 0;
  for (const row of rows) {
    row.hidden =
      (outcome.value && row.dataset.outcome !== outcome.value) ||
      !row.textContent.toLowerCase().includes(words.value.toLowerCase());
    left += row.hidden ? 0 : 1;
  }
  document.querySelector("#left").textContent = `${left} calls`;
};
words.addEventListener("input", filter);
outcome.addEventListener("change", filter);
filter();
