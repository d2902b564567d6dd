// The panel: whatever cell is clicked, tapped, chosen in the lists or reached by keys.
lakebt.panel = (() => {
  "use strict";
  const { words, cell, figures } = lakebt;
  const PRINTED = 12; // of the best events, and as many of the worst
  const $ = id => document.getElementById(id);
  let made = null;
  let size = null; // {entries, exits}
  let best = null;
  let chosen = { entry: -1, exit: -1 };

  // A row of the table under the surface: what the library said of the cell.
  function told(entry, exit) {
    const row = $("cells-table").tBodies[0].rows[entry * size.exits + exit];
    const names = ["entry", "exit", "sharpe", "events", "dates", "returns", "gross", "costs", "net", "out", "reason"];
    return Object.fromEntries(names.map((name, i) => [name, row.cells[i].textContent]));
  }

  function outline({ entry, exit }, { line, halo }) {
    const box = { type: "rect", x0: exit - 0.5, x1: exit + 0.5, y0: entry - 0.5, y1: entry + 0.5 };
    return [
      { ...box, name: "cursor", line: { color: halo, width: 6 } },
      { ...box, name: "cursor", line: { color: line, width: 3 } },
    ];
  }

  function mark() {
    figures.change("surface-figure", ({ layout }) => {
      const others = (layout.shapes ?? []).filter(shape => shape.name !== "cursor");
      layout.shapes = [...others, ...outline(chosen, layout.meta.cursor)];
    }, name => {
      const { layout } = figures.specs[name][figures.theme()];
      Plotly.relayout(name, { shapes: structuredClone(layout.shapes) });
    });
  }

  function say(it, events) {
    $("cell-name").textContent = `${it.entry} to ${it.exit}`;
    const out = it.out === "0" ? "" : ` ${it.out} left out.`;
    if (!events.length) {
      $("cell-sharpe").textContent = "Empty";
      $("cell-rests").textContent = `No event was traded: ${it.reason}.${out}`;
      $("cell-money").textContent = "";
      return;
    }
    const { aggregate } = $("cell").dataset;
    const own = aggregate === "calendar" ? null : cell.sharpe(made, events);
    const few = it.sharpe.endsWith("\u2020") ? " \u2020" : "";
    const told = own ? `${words.ratio(own.value)} ${words.ratioError(own.error)}${few}` : it.sharpe;
    const [ratio, ...error] = told.split(" ");
    const small = document.createElement("small");
    small.textContent = error.join(" ");
    $("cell-sharpe").replaceChildren(ratio, " ", small);
    const pooled = own ? ` ${aggregate[0].toUpperCase()}${aggregate.slice(1)}: ${it.sharpe}, from ${it.returns} daily returns.` : "";
    $("cell-rests").textContent = "Sharpe ratio per year, net, of the calendar portfolio drawn below, from "
      + `${it.events} events on ${it.dates} dates.${pooled}${out}`;
    $("cell-money").textContent = `${it.gross} bp gross per event less ${it.costs} of costs: ${it.net} bp net.`;
  }

  function drawEquity(events) {
    const equity = cell.equity(made, events);
    const { begin, values } = equity;
    const { fall, day } = cell.worst(equity);
    const days = values.map((_, t) => words.day(made.days[begin + t]));
    figures.change("cell-equity", ({ data: [line] }) => Object.assign(line, { x: days, y: values, text: days }));
    const sessions = words.count(values.length - 1, "session");
    $("cell-growth").textContent = `1 became ${words.minus(words.growth(values.at(-1)))} in ${sessions}, net of costs.`;
    $("cell-worst").textContent = `Largest drawdown ${words.percent(fall.by)} on ${words.day(made.days[fall.at])}; `
      + `worst day ${words.day(made.days[day.at])}, ${words.percent(day.by)}.`;
  }

  function drawYears(events) {
    const rows = cell.years(events);
    const isBest = chosen.entry === best.entry && chosen.exit === best.exit;
    figures.change("cell-years", ({ data: [first, second], layout }) => {
      const shift = isBest ? 0 : 0.16;
      const base = first.x.map(Math.round);
      first.x = base.map(year => year - shift);
      second.x = rows.map(({ year }) => year + shift);
      second.y = rows.map(({ mean }) => mean * 1e4);
      second.error_y.array = rows.map(({ error }) => error * 1e4);
      second.text = rows.map(({ year, n, mean, error }) =>
        `${year}: ${words.bps(mean)} ${words.error(error)} bp net per event, n = ${words.count(n)}`);
      second.visible = !isBest;
      second.name = $("cell-name").textContent;
      layout.showlegend = !isBest;
      const years = [...base, ...rows.map(({ year }) => year)];
      layout.xaxis.range = [Math.min(...years) - 0.6, Math.max(...years) + 0.6];
    });
  }

  function line(values, numeric) {
    const row = document.createElement("tr");
    values.forEach((value, i) => {
      const place = row.insertCell();
      place.append(value);
      if (numeric.includes(i)) place.className = "n";
    });
    return row;
  }

  // Of a thousand events one is reached by the tab key, the others by the arrows.
  function press(button, isPressed) {
    button.setAttribute("aria-pressed", String(isPressed));
    button.tabIndex = isPressed ? 0 : -1;
  }

  function showOrders(event, row) {
    $("events-table").querySelectorAll("[aria-pressed=true]").forEach(other => press(other, false));
    if (row) press(row.querySelector("button"), true);
    $("orders-name").textContent = event ? `Orders of ${event.id}` : "";
    const rows = !event ? [] : cell.orders(made, event).map(order => line([
      order.symbol,
      order.size > 0 ? "buy" : "sell",
      words.day(made.days[order.row >> 1]),
      order.row % 2 ? "close" : "open",
      words.size(Math.abs(order.size)),
      words.price(order.price),
    ], [4, 5]));
    $("orders-table").tBodies[0].replaceChildren(...rows);
  }

  function showEvents(events) {
    const sorted = [...events].sort((a, b) => a.day - b.day || (a.id < b.id ? -1 : 1));
    const byNet = [...sorted].sort((a, b) => a.net - b.net);
    const printed = new Set(byNet.length > 2 * PRINTED ? [...byNet.slice(0, PRINTED), ...byNet.slice(-PRINTED)] : byNet);
    const rows = sorted.map(event => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = event.id;
      press(button, false);
      const number = side => String(event.held.filter(one => one.side === side).length);
      const row = line([
        button, words.bps(event.net), words.bps(event.gross), number("addition"), number("deletion"),
        words.day(made.days[event.entryRow >> 1]), words.day(made.days[event.exitRow >> 1]),
      ], [1, 2, 3, 4]);
      row.classList.toggle("unprinted", !printed.has(event));
      row.addEventListener("click", () => showOrders(event, row));
      return row;
    });
    $("events-table").tBodies[0].replaceChildren(...rows);
    $("events-table").parentElement.scrollTop = 0;
    $("events-printed").hidden = rows.length <= 2 * PRINTED;
    showOrders(sorted[0], rows[0]);
  }

  function show(entry, exit) {
    chosen = { entry, exit };
    $("cell-entry").selectedIndex = entry;
    $("cell-exit").selectedIndex = exit;
    const it = told(entry, exit);
    const events = cell.events(made, entry, exit);
    mark();
    say(it, events);
    $("cell-figures").hidden = $("events").hidden = !events.length;
    if (!events.length) return;
    $("events-lede").textContent = `${words.count(events.length, "event")} from ${it.entry} to ${it.exit}, by `
      + "date; in and out are the symbols that enter and leave the index. Choose one to see its orders.";
    drawEquity(events);
    drawYears(events);
    showEvents(events);
  }

  function listen() {
    if (!made) return;
    const surface = $("surface-figure");
    surface.on("plotly_click", ({ points: [point] }) => {
      const row = point.data.type === "bar" ? point.data.base[point.pointNumber] + 0.5 : point.y;
      show(Math.round(row), Math.round(point.x));
    });
    surface.addEventListener("keydown", event => {
      const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      if (!step) return;
      event.preventDefault();
      const within = (value, count) => Math.max(0, Math.min(count - 1, value));
      show(within(chosen.entry + step[0], size.entries), within(chosen.exit + step[1], size.exits));
    });
    $("events-table").addEventListener("keydown", event => {
      const row = event.target.closest("tbody tr");
      const next = { ArrowUp: row?.previousElementSibling, ArrowDown: row?.nextElementSibling }[event.key];
      if (!next) return;
      event.preventDefault();
      next.click();
      next.querySelector("button").focus();
    });
    for (const id of ["cell-entry", "cell-exit"]) {
      $(id).addEventListener("change", () => show($("cell-entry").selectedIndex, $("cell-exit").selectedIndex));
    }
    $("cell-best").addEventListener("click", () => show(best.entry, best.exit));
  }

  async function choose() {
    if (!$("ingredients")) return;
    made = await lakebt.inflate.ingredients("ingredients");
    const place = kind => [...$(`cell-${kind}`).options].findIndex(
      option => option.value === $("cell-best").dataset[kind],
    );
    best = { entry: place("entry"), exit: place("exit") };
    size = { entries: $("cell-entry").options.length, exits: $("cell-exit").options.length };
    $("cell").hidden = false;
    document.querySelector(".explorer").classList.add("ready");
    show(best.entry, best.exit);
  }

  return { choose, listen, show, of: (entry, exit) => cell.events(made, entry, exit) };
})();
