// Every page and form works without this file. With it, links and forms marked data-live fetch the very same page, and
// only what changed is put in its place: there is no second set of answers to write, to test or to keep apart.
const policy = window.trustedTypes?.createPolicy("page", { createHTML: (text) => text });
const parse = (text) => new DOMParser().parseFromString(policy ? policy.createHTML(text) : text, "text/html");
const told = document.getElementById("told");
const main = document.getElementById("main");
let running;

async function visit(url, { push = true, quiet = false } = {}) {
  running?.abort();
  const stop = (running = new AbortController());
  document.documentElement.toggleAttribute("data-busy", !quiet);
  try {
    const answer = await fetch(url, { signal: stop.signal, headers: { Accept: "text/html" } });
    if (quiet && (!answer.ok || answer.redirected)) return;
    if (answer.redirected) return location.assign(answer.url);
    show(parse(await answer.text()), quiet);
    if (push) history.pushState({}, "", answer.url);
  } catch (error) {
    if (error.name !== "AbortError" && !quiet) location.assign(url);
  } finally {
    if (running === stop) document.documentElement.removeAttribute("data-busy");
  }
}

function show(page, quiet) {
  const at = document.activeElement, key = at?.id || at?.name, within = at?.closest("[id]")?.id;
  const range = at?.selectionStart === undefined ? null : [at.selectionStart, at.selectionEnd];
  document.title = page.title;
  for (const open of document.querySelectorAll("main details[id]")) page.getElementById(open.id)?.toggleAttribute("open", open.open);
  for (const fresh of page.querySelectorAll("main [id], .n[id]")) {
    const old = document.getElementById(fresh.id);
    if (!old || old.isEqualNode(fresh) || old.closest("[data-swapped]")) continue;
    if (old.contains(at) && old.matches("form") && at.matches("input[type=search]")) fill(old, fresh);
    else { fresh.setAttribute("data-swapped", ""); old.replaceWith(document.adoptNode(fresh)); }
  }
  for (const node of document.querySelectorAll("[data-swapped]")) node.removeAttribute("data-swapped");
  if (!document.contains(at)) {
    const back = document.getElementById(key) ??
      document.getElementById(within)?.querySelector(`[name="${CSS.escape(key ?? "")}"]:not([type=hidden])`) ?? main;
    back?.focus({ preventScroll: true });
    if (range && back?.setSelectionRange && back.type !== "radio" && back.type !== "checkbox") back.setSelectionRange(...range);
  }
  if (!quiet) told.textContent = document.querySelector("[data-told]")?.textContent ?? page.title;
}

function fill(old, fresh) { // someone is typing: keep the box, renew what stands around it
  for (const part of fresh.querySelectorAll("select, input[type=hidden], a")) {
    const twin = part.id ? document.getElementById(part.id) : old.elements[part.name];
    if (twin && !twin.isEqualNode(part)) twin.replaceWith(document.adoptNode(part));
  }
}

const asked = (form) => {
  const url = new URL(form.action);
  url.search = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
  return url;
};
addEventListener("click", (event) => {
  const link = event.target.closest("a[data-live]");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
  event.preventDefault();
  visit(link.href);
});
addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-live]") || event.submitter?.hasAttribute("formaction")) return;
  event.preventDefault();
  clearTimeout(pause);
  visit(asked(form));
});
let pause;
addEventListener("input", (event) => {
  const form = event.target.form;
  if (!form?.matches("[data-live]")) return;
  clearTimeout(pause);
  pause = setTimeout(() => visit(asked(form)), event.target.type === "search" ? 250 : 0);
});
addEventListener("popstate", () => visit(location.href, { push: false }));

// A page marked data-every asks for itself again after so many seconds, unless somebody has stopped that.
const stopped = document.getElementById("stop");
const every = Number(main?.dataset.every ?? 0);
if (stopped && every) {
  stopped.hidden = false;
  stopped.addEventListener("click", () => {
    const off = stopped.getAttribute("aria-pressed") !== "true";
    stopped.setAttribute("aria-pressed", String(off));
  });
  setInterval(() => {
    const busy = document.hidden || stopped.getAttribute("aria-pressed") === "true" || document.documentElement.hasAttribute("data-busy");
    if (!busy && !document.querySelector("main form :focus, dialog[open], .pop[open]")) visit(location.href, { push: false, quiet: true });
  }, every * 1000);
}

// Keys: none while a field has the focus, and none at all where they are switched off.
const keys = document.getElementById("keys");
const places = { h: "/", a: "/apps", r: "/records", p: "/records?status=failing" };
let went = false;
if (document.documentElement.dataset.keys !== "off") addEventListener("keydown", (event) => {
  if (event.target.matches("input, select, textarea") || event.metaKey || event.ctrlKey || event.altKey) return;
  if (went && places[event.key] && document.querySelector(`.nav a[href="${places[event.key]}"]`)) location.assign(places[event.key]);
  went = event.key === "g";
  if (event.key === "/") {
    event.preventDefault();
    (document.querySelector("main input[type=search]") ?? document.getElementById("ask"))?.focus();
  }
  if (event.key === "?") keys?.showModal();
  if (event.key === "j" || event.key === "k") {
    const links = [...document.querySelectorAll("main tbody th a")], now = links.indexOf(document.activeElement);
    links[Math.max(0, Math.min(links.length - 1, now + (event.key === "j" ? 1 : -1)))]?.focus();
  }
});

// Times are shown in the zone of the browser, where nobody has chosen another.
document.cookie = `syncline-zone=${encodeURIComponent(Intl.DateTimeFormat().resolvedOptions().timeZone)}; path=/; max-age=31536000; samesite=lax`;
