// SPDX-License-Identifier: GPL-3.0-or-later
// Asks for the handoff of one contact until it is there, and shows it. No library, nothing to build.

const WAIT_SECONDS = 25; // how long one question may stay open; proxies like less than 30
const PAUSE_MILLISECONDS = 3000;
const WAITING = "Waiting for the caller …";
const TRY_AGAIN = [404, 429, 502, 503, 504]; // 404: not handed off yet

const pause = (milliseconds) => new Promise((resume) => setTimeout(resume, milliseconds));
const element = (id) => document.getElementById(id);

function say(text, failed = false) {
  element("standing").textContent = text;
  element("standing").classList.toggle("failed", failed);
}

// settings.json: {"api": "", "key": ""} asks the server of this page, which adds the key (the way for
// production); with both filled in, the page asks the agent itself.
async function ask(settings, contact) {
  const query = new URLSearchParams({ id: contact, wait: WAIT_SECONDS });
  const headers = settings.key ? { "x-api-key": settings.key } : {};
  const base = settings.api ? `${settings.api}/` : "";
  return fetch(`${base}handoff_state?${query}`, { headers, cache: "no-store" });
}

async function handoff(settings, contact) {
  say(WAITING);
  for (;;) {
    const asked = performance.now();
    const answer = await ask(settings, contact).catch(() => null); // null: the network, or CORS
    if (answer?.ok) return answer.json();
    if (answer && !TRY_AGAIN.includes(answer.status)) {
      const body = await answer.json().catch(() => ({}));
      throw new Error(body.error_message ?? `${answer.status} ${answer.statusText}`);
    }
    say(answer?.status === 404 ? WAITING : "No answer; trying again …");
    // Whoever waited for us may be asked again at once; whoever did not is given a rest.
    const left = PAUSE_MILLISECONDS - (performance.now() - asked);
    await pause(Math.max(0, left));
  }
}

function show({ data }) {
  const { summary, ...facts } = data;
  element("summary").textContent = summary ?? "A caller, without a summary";
  for (const [name, value] of Object.entries(facts)) {
    // Text, never HTML: it comes from a voice agent, and what it says comes from a caller.
    const [term, fact] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = name.replaceAll("_", " ");
    fact.textContent = typeof value === "string" ? value : JSON.stringify(value, null, 2);
    element("facts").append(term, fact);
  }
  document.title = element("summary").textContent;
  element("handoff").hidden = false;
  say("Handed over by the voice agent");
}

const contact = new URLSearchParams(location.search).get("contact_id") ?? "";
try {
  if (!/^\d{1,19}$/.test(contact)) throw new Error("open this page with ?contact_id=… in its address");
  const settings = await (await fetch("settings.json", { cache: "no-store" })).json();
  show(await handoff(settings, contact));
} catch (error) {
  say(`No handoff to show: ${error.message}`, true);
}
