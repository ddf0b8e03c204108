// Local times, charts, and the frame of Airflow's page. Everything else works without it.
"use strict";
(() => {
  const own = document.currentScript;
  const root = document.documentElement;
  const framed = window.parent !== window;

  // Airflow's own choice of theme where we are shown inside it; otherwise the system's.
  const theme = () => {
    if (!framed) return;
    try {
      const outer = window.parent.document.documentElement;
      const name = outer.classList.contains("dark") ? "dark" : outer.classList.contains("light") ? "light" : "";
      if (name) root.dataset.theme = name;
    } catch { /* a frame of another origin: the system's theme stays */ }
  };

  const localTimes = () => {
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const format = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
    for (const one of document.querySelectorAll("main time[datetime]")) {
      const moment = new Date(one.dateTime);
      if (Number.isNaN(moment.getTime())) continue;
      one.title = `${moment.toISOString()} = ${format.format(moment)} in ${zone}`;
      if (moment.getTimezoneOffset() === 0) continue;
      const local = document.createElement("span");
      local.className = "local";
      local.textContent = `${format.format(moment)} local`;
      one.after(" ", local);
    }
    for (const one of document.querySelectorAll("footer .zone")) one.textContent = `; local times are ${zone}`;
  };

  // The frame may neither navigate its parent nor open a window, and Airflow inside of Airflow helps nobody: Airflow's
  // own page follows such a link.
  const outerLinks = () => {
    if (!framed) return;
    document.addEventListener("click", (event) => {
      const link = event.target.closest("a[data-airflow], a[target=_blank]");
      if (!link) return;
      event.preventDefault();
      const outer = window.parent.document.createElement("a");
      Object.assign(outer, { href: link.href, target: link.target, rel: link.rel });
      outer.click();
    });
  };

  // Where we are shown inside Airflow its address stays the same, whatever is chosen here: this one can be sent on.
  const alone = () => {
    const link = document.querySelector("a[data-alone]");
    link.href ||= window.location.href;
    link.hidden = !framed;
  };

  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  // Specifications name the page's own colours, so that a chart is dark where the page is.
  const painted = (value) => {
    if (typeof value === "string") {
      const found = /^var\((--[a-z-]+)\)$/.exec(value);
      return found ? colour(found[1]) : value;
    }
    if (Array.isArray(value)) return value.map(painted);
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, key === "datasets" ? inner : painted(inner)]));
    }
    return value;
  };
  const config = () => ({
    background: "transparent",
    font: getComputedStyle(document.body).fontFamily,
    axis: {
      labelColor: colour("--muted"), titleColor: colour("--muted"), gridColor: colour("--line"),
      domainColor: colour("--line"), tickColor: colour("--line"), labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal",
    },
    legend: { labelColor: colour("--text"), titleColor: colour("--muted"), labelFontSize: 12, orient: "top", title: null },
    view: { stroke: null },
    text: { color: colour("--text") },
  });

  const drawn = [];
  const draw = async (figure) => {
    const place = figure.querySelector(".drawing");
    try {
      const answer = await fetch(figure.dataset.spec, { credentials: "same-origin" });
      if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
      drawn.push([place, await answer.json()]);
      await embed(...drawn.at(-1));
      figure.querySelector(".said").textContent = drawn.at(-1)[1].usermeta?.said ?? "";
      figure.dataset.drawn = "true";
    } catch (error) {
      place.replaceChildren(Object.assign(document.createElement("p"), {
        className: "waiting", textContent: "The chart could not be drawn; the tables have the same data.",
      }));
      figure.dataset.drawn = "failed";
      console.error(error);
    }
  };
  const embed = (place, spec) => window.vegaEmbed(place, painted(spec), {
    actions: false, ast: true, renderer: "canvas", defaultStyle: false, config: config(),
    tooltip: { disableDefaultStyle: true, theme: "page" }, loader: { target: "_self" },
  });

  const redraw = () => drawn.forEach(([place, spec]) => embed(place, spec));

  // Who switches Airflow between light and dark sees us follow.
  const follow = () => {
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    if (!framed) return;
    try {
      const watch = new MutationObserver(() => {
        const before = root.dataset.theme;
        theme();
        if (root.dataset.theme !== before) redraw();
      });
      watch.observe(window.parent.document.documentElement, { attributes: true, attributeFilter: ["class"] });
    } catch { /* as above */ }
  };

  const charts = () => {
    const figures = [...document.querySelectorAll("figure[data-spec]")];
    if (!figures.length) return;
    const script = document.createElement("script");
    script.src = own.dataset.charts;
    script.addEventListener("load", () => figures.forEach(draw));
    script.addEventListener("error", () => figures.forEach(draw));
    document.head.append(script);
  };

  theme();
  localTimes();
  outerLinks();
  alone();
  charts();
  follow();
})();
