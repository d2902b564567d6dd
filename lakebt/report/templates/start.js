// Unpacks what the page carries and draws it. `data-state` tells how far it came.
(async () => {
  "use strict";
  const root = document.documentElement;

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

  if (root.className === "too-old") return;
  const [plotly, figures] = await Promise.all(["plotly", "figures"].map(lakebt.inflate.text));
  const script = document.createElement("script");
  script.textContent = plotly;
  document.head.append(script);
  lakebt.figures.take(JSON.parse(figures));
  await lakebt.panel?.choose(); // before anything is drawn: it changes three figures and their width
  lakebt.figures.start();
  lakebt.panel?.listen();
  root.className = "";
  root.dataset.state = "drawn";
})();
