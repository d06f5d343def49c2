// SPDX-License-Identifier: GPL-3.0-or-later
// What moves: each element with data-live="PATH" is renewed by server-sent events, or by looking again.
"use strict";

const AGAIN = 10000;

const shown = new WeakMap(); // element: the text that stands in it
const waiting = new WeakMap(); // element: the text that somebody's focus keeps out

function show(element, text) {
  if (shown.get(element) === text) return;
  const focused = document.activeElement;
  if (focused !== element && element.contains(focused)) {
    waiting.set(element, text); // what somebody is just reading with the keyboard stays
    return;
  }
  waiting.delete(element);
  const places = [...element.querySelectorAll(".wide")].map((one) => one.scrollLeft);
  const open = [...element.querySelectorAll("details[open][id]")].map((one) => one.id);
  element.innerHTML = text;
  shown.set(element, text);
  [...element.querySelectorAll(".wide")].forEach((one, at) => { one.scrollLeft = places[at] || 0; });
  open.forEach((id) => { const one = document.getElementById(id); if (one) one.open = true; });
}

function left(event) {
  const element = event.currentTarget;
  setTimeout(() => { if (waiting.has(element)) show(element, waiting.get(element)); });
}

function say(text) {
  const status = document.getElementById("live");
  if (status && status.textContent !== text) status.textContent = text;
}

async function look(element) {
  try {
    const answer = await fetch(element.dataset.live, { headers: { Accept: "text/html" } });
    if (answer.status === 401) {
      say("Your log-in is over: load the page again");
      return;
    }
    if (answer.ok) {
      show(element, await answer.text());
      say("Renewed every 10 seconds");
    }
  } catch {
    say("No answer from the node; trying again");
  }
  setTimeout(look, AGAIN, element);
}

function follow(element) {
  const source = new EventSource(element.dataset.live);
  source.onopen = () => say("Live");
  source.onmessage = (event) => show(element, event.data);
  source.onerror = () => {
    say("No answer from the node; trying again");
    if (source.readyState === EventSource.CLOSED) look(element);
  };
  window.addEventListener("pagehide", () => source.close());
}

// A press that takes long must not be made twice.
function once(form) {
  form.addEventListener("submit", () => {
    setTimeout(() => form.querySelectorAll("button").forEach((one) => { one.disabled = true; }));
  });
}

document.querySelectorAll("[data-live]").forEach((element) => {
  element.addEventListener("focusout", left);
  follow(element);
});
document.querySelectorAll("form[method=post]").forEach(once);
// A file that would be refused is not sent first.
document.querySelectorAll("input[data-most]").forEach((one) => {
  one.addEventListener("change", () => {
    const file = one.files[0];
    one.setCustomValidity(file && file.size > Number(one.dataset.most) ? one.dataset.tooLarge : "");
    one.reportValidity();
  });
});
window.addEventListener("pageshow", (event) => {
  if (event.persisted) document.querySelectorAll("button").forEach((one) => { one.disabled = false; });
});
