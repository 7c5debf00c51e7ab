// Keeps a page live: listens for changes, fetches the page again, and swaps the parts that differ, except one that is being used.
(() => {
  "use strict";
  const live = document.getElementById("live");
  const relative = (seconds) => {
    const units = [[86400, "d", 3600, "h"], [3600, "h", 60, "min"], [60, "min", 1, "s"]];
    for (const [size, name, smaller, small] of units) {
      if (seconds >= size) {
        const rest = Math.floor((seconds % size) / smaller);
        return `${Math.floor(seconds / size)} ${name}${rest ? ` ${rest} ${small}` : ""}`;
      }
    }
    return seconds < 1 ? "now" : `${Math.floor(seconds)} s`;
  };

  // Times are told in the reader's own zone; ages grow while the page is open.
  const tell = () => {
    for (const time of document.querySelectorAll("main time")) {
      const moment = new Date(time.dateTime);
      if (!time.dataset.told) {
        time.dataset.told = "1";
        time.title = moment.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
        if (time.dataset.as === "clock") time.textContent = moment.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });
      }
      if (!time.dataset.as && time.closest("tr, p, li")) time.textContent = time.dataset.kept || relative((Date.now() - moment) / 1000);
    }
  };
  for (const time of document.querySelectorAll("main time:not([data-as])")) if (/[A-Z][a-z]{2}/.test(time.textContent)) time.dataset.kept = time.textContent;

  const say = (state, words) => { live.dataset.state = state; live.textContent = words; };
  const inUse = (part) => {
    const chosen = document.getSelection();
    const selected = chosen && !chosen.isCollapsed && part.contains(chosen.anchorNode);
    return selected || (part.contains(document.activeElement) && document.activeElement !== part);
  };

  const plain = (part) => { const copy = part.cloneNode(true); for (const time of copy.querySelectorAll("time")) time.replaceWith(time.dateTime); return copy.innerHTML; };
  let before = new Map([...document.querySelectorAll("[data-live]")].map((part) => [part.id, plain(part)]));
  const swap = (fresh) => {
    let held = false;
    for (const part of document.querySelectorAll("[data-live]")) {
      const next = fresh.getElementById(part.id);
      if (!next) continue;
      const content = plain(next);
      if (content === before.get(part.id)) continue;
      if (inUse(part)) { held = true; continue; }
      before.set(part.id, content);
      part.replaceChildren(...next.childNodes);
      part.classList.remove("changed");
      requestAnimationFrame(() => part.classList.add("changed"));
    }
    return held;
  };

  let fetching = false, again = false, settling = 0, seen = null, at = Date.now(), held = false;
  const refresh = async () => {
    if (fetching) { again = true; return; }
    fetching = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.ok) {
        held = swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
        at = Date.now();
        tell();
        if (document.querySelector("[data-problem]")) location.reload();
      }
    } catch { /* the stream's own error says that the connection is lost */ }
    fetching = false;
    if (again) { again = false; setTimeout(refresh, 1000); }
  };

  const status = () => {
    if (live.dataset.state === "lost") return;
    if (live.dataset.state === "live") say("live", held ? "live · newer figures when you leave this part" : `live · ${relative((Date.now() - at) / 1000)}${Date.now() - at < 1000 ? "" : " ago"}`);
  };

  tell();
  setInterval(() => { tell(); status(); }, 5000);
  document.addEventListener("focusout", () => { if (held) setTimeout(refresh, 200); });
  if (!live || !window.EventSource) return;
  const stream = new EventSource("/live");
  stream.addEventListener("open", () => { say("live", "live"); });
  stream.addEventListener("change", (event) => {
    if (seen !== null && event.data !== seen) {
      refresh();
      clearTimeout(settling);
      settling = setTimeout(refresh, 3000); // the last change of a burst may have been answered from the moment before it
    }
    seen = event.data;
    at = Date.now();
    say("live", "live · now");
  });
  stream.addEventListener("error", () => say("lost", `not live since ${new Date().toLocaleTimeString("en-GB")} · what you see may be old`));
})();
