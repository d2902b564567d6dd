(() => {
  "use strict";
  const PRINTED_WIDTH = 680; // A4 less its margins, in CSS pixels
  const specs = JSON.parse(document.getElementById("figures").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const narrow = matchMedia("(max-width: 640px)");
  const config = { displayModeBar: false, responsive: true, scrollZoom: false, doubleClick: false };

  // {"xaxis.tickfont.size": 10}: what a figure changes where there is little room.
  function adapt(layout) {
    for (const [path, value] of Object.entries(layout.meta?.narrow ?? {})) {
      const keys = path.split(".");
      const last = keys.pop();
      keys.reduce((part, key) => (part[key] ??= {}), layout)[last] = value;
    }
  }

  function draw(theme, width) {
    for (const [name, themes] of Object.entries(specs)) {
      // Plotly writes into what it is given, and a figure is drawn more than once.
      const { data, layout } = structuredClone(themes[theme]);
      if (width) Object.assign(layout, { width, autosize: false });
      else if (narrow.matches) adapt(layout);
      Plotly.react(name, data, layout, config);
    }
  }

  const screen = () => draw(dark.matches ? "dark" : "light");
  dark.addEventListener("change", screen);
  narrow.addEventListener("change", screen);
  addEventListener("beforeprint", () => draw("light", PRINTED_WIDTH));
  addEventListener("afterprint", screen);
  screen();

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Without permission, or on a page served without TLS.
      const box = document.createElement("textarea");
      box.value = text;
      document.body.append(box);
      box.select();
      document.execCommand("copy");
      box.remove();
    }
  }

  for (const button of document.querySelectorAll("button[data-copies]")) {
    button.addEventListener("click", async () => {
      await copy(document.getElementById(button.dataset.copies).textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1600);
    });
  }
})();
