// Every figure in the colours of the reader, as wide as the window or the paper.
lakebt.figures = (() => {
  "use strict";
  const PRINTED_WIDTH = 680; // A4 less its margins, in CSS pixels
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const narrow = matchMedia("(max-width: 640px)");
  const config = { displayModeBar: false, responsive: false, scrollZoom: false, doubleClick: false };
  const SETTLED = 100; // milliseconds in which no width changed
  const specs = {}; // by figure and theme, as the library made them
  let width = null;
  let isDrawn = false;
  let settling = null;
  const resized = new Set(); // names of figures

  const theme = () => (width || !dark.matches ? "light" : "dark");

  // {"xaxis.tickfont.size": 10}: what a figure changes where there is little room.
  function adapt(layout) {
    for (const [path, value] of Object.entries(layout.meta?.narrow ?? {})) {
      const keys = path.split(".");
      const last = keys.pop();
      keys.reduce((part, key) => (part[key] ??= {}), layout)[last] = value;
    }
  }

  // Lines of a label that half of the figure shows: a wider one is cut somewhere in it.
  function wrap(label, most) {
    if (Array.isArray(label)) return label.map(one => wrap(one, most));
    if (typeof label !== "string") return label;
    return label.split("<br>").map(line => {
      const lines = [""];
      for (const word of line.split(" ")) {
        const last = lines.at(-1);
        if (last && last.length + 1 + word.length > most) lines.push(word);
        else lines[lines.length - 1] = last ? `${last} ${word}` : word;
      }
      return lines.join("<br>");
    }).join("<br>");
  }

  function fitLabels(data, place, size) {
    if (!place.clientWidth) return;
    const most = Math.floor((place.clientWidth / 2 - 16) / (size * 0.56));
    for (const trace of data) {
      for (const name of ["text", "customdata"]) {
        if (trace.hovertemplate === `%{${name}}<extra></extra>`) trace[name] = wrap(trace[name], most);
      }
    }
  }

  function draw(name) {
    // Plotly writes into what it is given, and a figure is drawn more than once.
    const { data, layout } = structuredClone(specs[name][theme()]);
    // Nobody presses a button on paper.
    if (width) Object.assign(layout, { width, autosize: false, updatemenus: [] });
    else if (narrow.matches) adapt(layout);
    fitLabels(data, document.getElementById(name), layout.hoverlabel.font.size);
    Plotly.react(name, data, layout, config);
  }

  // Once the window stays as it is: its labels are wrapped anew, which Plotly's own resize is not told.
  function fit(place) {
    if (Math.round(place.clientWidth) === Math.round(place._fullLayout.width)) return;
    resized.add(place.id);
    clearTimeout(settling);
    settling = setTimeout(() => {
      resized.forEach(draw);
      resized.clear();
    }, SETTLED);
  }

  const drawAll = () => Object.keys(specs).forEach(draw);

  // Change a figure in both themes, and draw it if the others are; `redraw` does so by less.
  function change(name, edit, redraw = draw) {
    for (const spec of Object.values(specs[name])) edit(spec);
    if (isDrawn) redraw(name);
  }

  const take = made => Object.assign(specs, made);

  function start() {
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
    isDrawn = true;
  }

  return { take, start, change, specs, theme };
})();
