// Every figure in the colours of the reader, as wide as the window or the paper.
lakebt.figures = (() => {
  "use strict";
  const PRINTED_WIDTH = 680; // A4 less its margins, in CSS pixels
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const narrow = matchMedia("(max-width: 640px)");
  const config = { displayModeBar: false, responsive: true, scrollZoom: false, doubleClick: false };
  const specs = {}; // by figure and theme, as the library made them
  let width = null;

  const theme = () => (width || !dark.matches ? "light" : "dark");

  // {"xaxis.tickfont.size": 10}: what a figure changes where there is little room.
  function adapt(layout) {
    for (const [path, value] of Object.entries(layout.meta?.narrow ?? {})) {
      const keys = path.split(".");
      const last = keys.pop();
      keys.reduce((part, key) => (part[key] ??= {}), layout)[last] = value;
    }
  }

  function draw(name) {
    // Plotly writes into what it is given, and a figure is drawn more than once.
    const { data, layout } = structuredClone(specs[name][theme()]);
    if (width) Object.assign(layout, { width, autosize: false });
    else if (narrow.matches) adapt(layout);
    Plotly.react(name, data, layout, config);
  }

  function fit(place) {
    if (Math.round(place.clientWidth) !== Math.round(place._fullLayout.width)) Plotly.Plots.resize(place);
  }

  const drawAll = () => Object.keys(specs).forEach(draw);

  // Change a figure in both themes, and draw it.
  function change(name, edit) {
    for (const spec of Object.values(specs[name])) edit(spec);
    draw(name);
  }

  function start(made) {
    Object.assign(specs, made);
    dark.addEventListener("change", drawAll);
    narrow.addEventListener("change", drawAll);
    // A column changes without its window: the panel comes, a scroll bar goes.
    const watch = new ResizeObserver(seen => {
      if (!width) seen.forEach(({ target }) => target.layout && target.clientWidth && fit(target));
    });
    for (const name of Object.keys(specs)) watch.observe(document.getElementById(name));
    addEventListener("beforeprint", () => { width = PRINTED_WIDTH; drawAll(); });
    addEventListener("afterprint", () => { width = null; drawAll(); });
    drawAll();
  }

  return { start, change, specs, theme };
})();
