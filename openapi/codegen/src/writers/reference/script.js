(() => {
  "use strict";
  const root = document.documentElement;
  root.classList.add("script");
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const nav = document.getElementById("navigation");
  const filter = document.getElementById("filter");
  const menu = document.querySelector(".menu");

  // Tabs: one choice of language for the whole page, remembered where the browser allows it.
  const store = {
    get: () => { try { return localStorage.getItem("reference-language"); } catch { return null; } },
    set: (value) => { try { localStorage.setItem("reference-language", value); } catch { /* private window: not remembered */ } },
  };
  const groups = all(".tabs");
  const choose = (language) => {
    for (const group of groups) {
      const tabs = all("[role=tab]", group);
      if (!tabs.some((tab) => tab.dataset.lang === language)) continue;
      for (const tab of tabs) {
        const chosen = tab.dataset.lang === language;
        tab.setAttribute("aria-selected", String(chosen));
        tab.tabIndex = chosen ? 0 : -1;
        document.getElementById(tab.getAttribute("aria-controls")).hidden = !chosen;
      }
    }
  };
  // Other operations' samples may have other heights: what is being read stays where it is.
  const chooseHere = (tab) => {
    const before = tab.getBoundingClientRect().top;
    choose(tab.dataset.lang);
    store.set(tab.dataset.lang);
    window.scrollBy({ top: tab.getBoundingClientRect().top - before, behavior: "instant" });
  };
  for (const group of groups) {
    const tabs = all("[role=tab]", group);
    tabs.forEach((tab, index) => {
      tab.addEventListener("click", () => chooseHere(tab));
      tab.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1, Home: -index, End: tabs.length - 1 - index }[event.key];
        if (step === undefined) return;
        event.preventDefault();
        const next = tabs[(index + step + tabs.length) % tabs.length];
        chooseHere(next);
        next.focus({ preventScroll: true });
      });
    });
  }
  const first = document.querySelector("[role=tab]");
  if (first) choose(first.dataset.lang);
  if (store.get()) choose(store.get());

  // Copying.
  const copied = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      area.style.position = "fixed";
      document.body.append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      if (!done) throw new Error("refused");
    }
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest(".copy");
    if (!button) return;
    let word = "Copied";
    try { await copied(button.parentElement.querySelector("pre").textContent); } catch { word = "Select and copy by hand"; }
    button.textContent = word;
    button.classList.add("done");
    setTimeout(() => { button.textContent = "Copy"; button.classList.remove("done"); }, 1500);
  });

  // The filter: every word has to be found.
  const items = all("li[data-find]", nav);
  const sections = all("section", nav);
  document.querySelector(".filter").hidden = false;
  const apply = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const item of items) {
      const hit = words.every((word) => item.dataset.find.includes(word));
      item.hidden = !hit;
      found += hit ? 1 : 0;
    }
    for (const section of sections) {
      section.hidden = words.length > 0 && !all("li[data-find]", section).some((item) => !item.hidden);
    }
    nav.querySelector(".nothing").hidden = found > 0;
  };
  filter.addEventListener("input", apply);
  filter.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { filter.value = ""; apply(); }
    if (event.key === "Enter") {
      const item = items.find((candidate) => !candidate.hidden);
      if (item) item.querySelector("a").click();
    }
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      open(true);
      filter.focus();
      filter.select();
    } else if (event.key === "Escape") {
      open(false);
    }
  });

  // The menu of a narrow window.
  const open = (wanted) => {
    nav.classList.toggle("open", wanted);
    menu.setAttribute("aria-expanded", String(wanted));
  };
  menu.hidden = false;
  menu.addEventListener("click", () => open(!nav.classList.contains("open")));
  nav.addEventListener("click", (event) => { if (event.target.closest("a")) open(false); });
  document.getElementById("main").addEventListener("click", () => open(false));

  // Where the reader is.
  const links = new Map(all("a[href^='#']", nav).map((link) => [decodeURIComponent(link.hash.slice(1)), link]));
  const places = [...links.keys()].map((id) => document.getElementById(id)).filter(Boolean);
  let current = null;
  const mark = () => {
    const line = 140;
    let here = places[0];
    for (const place of places) {
      if (place.getBoundingClientRect().top <= line) here = place;
    }
    const link = here && links.get(here.id);
    if (!link || link === current) return;
    current?.removeAttribute("aria-current");
    current = link;
    link.setAttribute("aria-current", "location");
    if (!nav.matches(":hover") && !nav.contains(document.activeElement)) {
      const box = link.getBoundingClientRect(), frame = nav.getBoundingClientRect();
      if (box.top < frame.top + 60 || box.bottom > frame.bottom) nav.scrollTop += box.top - frame.top - frame.height / 3;
    }
  };
  let waiting = false;
  addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; mark(); });
  }, { passive: true });
  mark();

  // Paper shows everything.
  let closed = [];
  addEventListener("beforeprint", () => { closed = all("details:not([open])"); closed.forEach((part) => { part.open = true; }); });
  addEventListener("afterprint", () => { closed.forEach((part) => { part.open = false; }); });
})();
