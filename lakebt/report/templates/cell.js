// One cell, made again from what it consists of: the same rules as in the library.
lakebt.cell = (() => {
  "use strict";

  // The price of a symbol in a half session; NaN if there is none.
  function price(made, symbol, row) {
    const session = row >> 1;
    for (const series of made.seriesOf[symbol]) {
      const place = session - made.series_first[series];
      if (place < 0 || place >= made.series_count[series]) continue;
      return (row % 2 ? made.closes : made.opens)[made.starts[series] + place];
    }
    return NaN;
  }

  function quote(made, slot, place, exitRow) {
    const leg = made.leg[place];
    const entryRow = made.entry_row[slot];
    const symbol = leg < 0 ? made.terms.hedge : made.leg_symbol[leg];
    const entry = price(made, symbol, entryRow);
    const back = made.sized[place];
    let sizing = entry; // where no close was known
    if (back === 255) sizing = made.own_sizing[made.own_place[place]];
    else if (back) sizing = price(made, symbol, 2 * ((entryRow >> 1) - back) + 1);
    const exit = price(made, symbol, exitRow);
    return { symbol, isAddition: leg >= 0 && made.leg_is_addition[leg] === 1, exitRow, sizing, entry, exit };
  }

  const isPriced = one => Number.isFinite(one.entry) && Number.isFinite(one.exit);

  function position(one, weight, capital, side) {
    return { ...one, side, weight, size: (weight * capital) / one.sizing };
  }

  // The legs with their sizes; then the hedge, once for each session in which legs leave.
  function positions(made, slot, rowOf) {
    const { terms } = made;
    const first = made.position[slot];
    const count = made.position_count[slot] - (terms.hedge >= 0 ? 1 : 0);
    let legs = Array.from({ length: count }, (_, i) => quote(made, slot, first + i, rowOf(i)));
    if (terms.drop_leg) legs = legs.filter(isPriced);
    const additions = legs.filter(leg => leg.isAddition).length;
    const deletions = legs.length - additions;
    const isPaired = additions > 0 && deletions > 0;
    const share = isPaired || terms.hedge >= 0 ? terms.gross / 2 : terms.gross;
    const held = legs.map(leg => leg.isAddition
      ? position(leg, share / additions, terms.capital_usd, "addition")
      : position(leg, -share / deletions, terms.capital_usd, "deletion"));
    if (terms.hedge < 0 || isPaired) return held;
    const against = new Map();
    for (const { exitRow, weight } of held) against.set(exitRow, (against.get(exitRow) ?? 0) - weight);
    for (const [row, weight] of against) {
      held.push(position(quote(made, slot, first + count, row), weight, terms.capital_usd, "hedge"));
    }
    return held;
  }

  // The symbols that are held on both sides: an account holds their sum.
  function opposed(held) {
    const sides = new Map();
    for (const { symbol, size } of held) {
      if (!sides.has(symbol)) sides.set(symbol, new Set());
      sides.get(symbol).add(size < 0);
    }
    return new Set([...sides].filter(([, both]) => both.size > 1).map(([symbol]) => symbol));
  }

  // What is traded: the entry and the exit of each position, or of a symbol the sum.
  function sent(held, entryRow) {
    const both = opposed(held);
    const found = new Map();
    held.forEach(({ symbol, exitRow, size, entry, exit }, number) => {
      for (const [row, shares, price] of [[entryRow, size, entry], [exitRow, -size, exit]]) {
        const key = (both.has(symbol) ? "net " + symbol : "own " + number) + " " + row;
        found.set(key, { row, symbol, size: shares + (found.get(key)?.size ?? 0), price });
      }
    });
    return [...found.values()].filter(order => order.size);
  }

  // What is held at each close from the entry's on: a position, or of a symbol the sum.
  function holdings(held, entered, n) {
    const both = opposed(held);
    const found = new Map();
    held.forEach(({ symbol, exitRow, size }, number) => {
      const key = both.has(symbol) ? "net " + symbol : number;
      if (!found.has(key)) found.set(key, { symbol, shares: new Float64Array(n) });
      found.get(key).shares.subarray(0, (exitRow >> 1) - entered).forEach((_, t, own) => { own[t] += size; });
    });
    return [...found.values()];
  }

  // Closes from a session on, a gap filled by the last close before it.
  function marks(made, symbol, session, count) {
    const found = new Float64Array(count);
    for (let t = 0, last = NaN; t < count; t++) {
      const close = price(made, symbol, 2 * (session + t) + 1);
      if (Number.isFinite(close)) last = close;
      found[t] = last;
    }
    return found;
  }

  // Equity at each close with exposure: an entry at the close begins with the next.
  function walk(made, held, entryRow) {
    const { capital_usd: capital, fee, borrow_per_day: perDay } = made.terms;
    const entered = entryRow >> 1;
    const first = (entryRow + 1) >> 1;
    const last = Math.max(...held.map(one => one.exitRow)) >> 1;
    const n = last - first + 1;
    const gross = new Float64Array(n).fill(capital);
    const traded = new Float64Array(n);
    const borrow = new Float64Array(n);
    for (const { symbol, exitRow, size, entry, exit } of held) {
      const left = exitRow >> 1;
      const closes = marks(made, symbol, entered, left - entered + 1);
      for (let t = 0; t < n; t++) {
        const worth = first + t < left ? closes[first + t - entered] : exit;
        gross[t] += size * (worth - entry);
      }
    }
    for (const { row, size, price: paid } of sent(held, entryRow)) {
      for (let t = Math.max((row >> 1) - first, 0); t < n; t++) traded[t] += Math.abs(size) * paid;
    }
    const worth = new Float64Array(n - 1);
    for (const { symbol, shares } of holdings(held, entered, last - entered)) {
      const closes = marks(made, symbol, entered, last - entered);
      for (let t = 0; t < shares.length; t++) {
        if (shares[t] && entered + t >= first) {
          worth[entered + t - first] += Math.abs(shares[t]) * closes[t] / capital;
        }
        if (shares[t] >= 0) continue;
        const days = made.days[entered + t + 1] - made.days[entered + t];
        borrow[entered + t + 1 - first] += perDay * -shares[t] * closes[t] * days;
      }
    }
    let owed = 0;
    let before = capital;
    const returns = new Float64Array(n);
    for (let t = 0; t < n; t++) {
      owed += borrow[t];
      const equity = gross[t] - traded[t] * fee - owed;
      returns[t] = equity / before - 1;
      before = equity;
    }
    return { first, returns, worth, gross: gross[n - 1] / capital - 1, net: before / capital - 1 };
  }

  // The half session in which each leg of a cell leaves.
  function rows(made, slot, exit) {
    const base = made.is_relative[exit] ? made.entry_row[slot] : made.event_row[made.slot_event[slot]];
    const row = made.exit_row[exit * made.slot_event.length + slot] + base;
    const at = made.apartAt.get(slot * made.n_exits + exit);
    return at === undefined ? () => row : leg => made.apart_row[at + leg];
  }

  function event(made, slot, exit) {
    const held = positions(made, slot, rows(made, slot, exit));
    const entryRow = made.entry_row[slot];
    return {
      id: made.event_ids[made.slot_event[slot]],
      day: made.event_day[made.slot_event[slot]],
      entryRow,
      exitRow: Math.max(...held.map(one => one.exitRow)),
      held,
      ...walk(made, held, entryRow),
    };
  }

  // The traded events of a rule, oldest first.
  function events(made, entry, exit) {
    const at = exit * made.slot_event.length;
    return made.slotsOf[entry]
      .filter(slot => made.is_traded[at + slot])
      .map(slot => event(made, slot, exit));
  }

  // The portfolio of the open events: equity by session, 1 before the first. Before each
  // session they are brought back to their weights, which costs what any trade does.
  function equity(made, events) {
    const begin = Math.min(...events.map(one => one.first));
    const end = Math.max(...events.map(one => one.first + one.returns.length));
    const [total, weights, open, paid] = Array.from({ length: 4 }, () => new Float64Array(end - begin));
    const weightOf = ({ held }) => made.terms.by_leg ? held.filter(one => one.side !== "hedge").length : 1;
    for (const one of events) {
      const weight = weightOf(one);
      one.returns.forEach((value, t) => {
        total[one.first - begin + t] += weight * value;
        weights[one.first - begin + t] += weight;
        open[one.first - begin + t] += 1;
      });
    }
    const share = weights.map((weight, t) => open[t] ? Math.min(1, made.terms.max_weight * open[t]) / weight : 0);
    const mean = total.map((sum, t) => sum * share[t]);
    for (const one of events) {
      let own = 1;
      for (let t = one.first - begin + 1, n = 0; n < one.returns.length - 1; t++, n++) {
        own *= 1 + one.returns[n];
        const before = share[t - 1] * (1 + one.returns[n]) / (1 + mean[t - 1]);
        paid[t] += made.terms.fee * weightOf(one) * Math.abs(share[t] - before) * one.worth[n] / own;
      }
    }
    const values = [1];
    mean.forEach((value, t) => values.push(values[t] * (1 - paid[t]) * (1 + value)));
    return { begin: begin - 1, values, weights, open, share, mean, weightOf };
  }

  // Per year, of an equity by session; NaN where nothing varies.
  function ratio({ values }) {
    const returns = values.slice(1).map((value, t) => value / values[t] - 1);
    const mean = returns.reduce((sum, value) => sum + value, 0) / returns.length;
    const squares = returns.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    const deviation = Math.sqrt(squares / (returns.length - 1));
    return deviation > 1e-12 ? (mean / deviation) * Math.sqrt(252) : NaN;
  }

  function overlaps(events) {
    const of = new Map();
    return events.some(one => one.returns.some((_, t) => {
      const day = of.get(one.first + t) ?? one.day;
      of.set(one.first + t, one.day);
      return day !== one.day;
    }));
  }

  // What each open event does to the ratio, added up by date, by session and by both.
  function clustered({ begin, values, weights, open, share, mean, weightOf }, events) {
    const returns = values.slice(1).map((value, t) => value / values[t] - 1);
    const n = returns.length;
    const centre = returns.reduce((sum, value) => sum + value, 0) / n;
    const deviation = Math.sqrt(returns.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (n - 1));
    const daily = centre / deviation;
    const slope = returns.map(value => (1 - (daily * (value - centre)) / deviation / 2) / deviation);
    const toAll = returns.map((value, t) => (value - mean[t] - centre) * slope[t] + daily / 2);
    const sums = [new Map(), new Map(), new Map()];
    for (const one of events) {
      const weight = weightOf(one);
      one.returns.forEach((value, k) => {
        const t = one.first - begin - 1 + k;
        const own = weight * (toAll[t] / weights[t] + value * share[t] * slope[t]);
        [one.day, t, `${one.day} ${t}`].forEach((key, way) => sums[way].set(key, (sums[way].get(key) ?? 0) + own));
      });
    }
    const idle = toAll.filter((_, t) => !open[t]);
    const nobodys = idle.reduce((sum, own) => sum + own ** 2, 0);
    const [date, session, both] = sums.map((by, way) => {
      const size = by.size + (way ? idle.length : 0);
      return [...by.values()].reduce((sum, own) => sum + own ** 2, nobodys) * (size / (size - 1));
    });
    return Math.sqrt(252 * Math.max(date + session - both, date, session)) / n;
  }

  // The Sharpe ratio of the portfolio, with its error: of date and session where windows
  // of dates overlap, else by leaving out one date at a time; none of several events of
  // one date.
  function sharpe(made, events) {
    const whole = equity(made, events);
    const value = ratio(whole);
    const dates = [...new Set(events.map(one => one.day))];
    if (dates.length < 2 && events.length > 1) return { value, error: NaN };
    if (dates.length < 2) {
      const n = whole.values.length - 1;
      return { value, error: Math.sqrt((252 * (1 + value ** 2 / 252 / 2)) / n) };
    }
    if (overlaps(events)) return { value, error: clustered(whole, events) };
    const parts = dates.map(day => ratio(equity(made, events.filter(one => one.day !== day)))).filter(Number.isFinite);
    const mean = parts.reduce((sum, part) => sum + part, 0) / parts.length;
    const spread = parts.reduce((sum, part) => sum + (part - mean) ** 2, 0);
    return { value, error: parts.length < 2 ? NaN : Math.sqrt(((parts.length - 1) / parts.length) * spread) };
  }

  // The deepest fall below the highest value so far, and the worst day: where, how much.
  function worst({ begin, values }) {
    const fall = { at: begin, by: 0 };
    const day = { at: begin + 1, by: Infinity };
    let highest = values[0];
    values.forEach((value, t) => {
      highest = Math.max(highest, value);
      if (value / highest - 1 < fall.by) Object.assign(fall, { at: begin + t, by: value / highest - 1 });
      const one = t ? value / values[t - 1] - 1 : Infinity;
      if (one < day.by) Object.assign(day, { at: begin + t, by: one });
    });
    return { fall, day };
  }

  // The mean net return of the events of each year, its standard error by date.
  function years(events) {
    const groups = new Map();
    for (const one of events) {
      const year = new Date(one.day * 864e5).getUTCFullYear();
      if (!groups.has(year)) groups.set(year, []);
      groups.get(year).push(one);
    }
    return [...groups].sort(([a], [b]) => a - b).map(([year, group]) => {
      const mean = group.reduce((sum, one) => sum + one.net, 0) / group.length;
      const dates = new Map();
      for (const { day, net } of group) dates.set(day, (dates.get(day) ?? 0) + net - mean);
      const squares = [...dates.values()].reduce((sum, value) => sum + value * value, 0);
      const n = dates.size;
      const error = n > 1 ? Math.sqrt((n / (n - 1)) * squares) / group.length : NaN;
      return { year, n: group.length, mean, error };
    });
  }

  // Every fill of an event, in the order of time and, within a session, of symbols.
  function orders(made, event) {
    const fills = sent(event.held, event.entryRow)
      .map(order => ({ ...order, symbol: made.symbols[order.symbol] }));
    const inOrder = (a, b) => a.row - b.row || (a.symbol < b.symbol ? -1 : a.symbol > b.symbol ? 1 : 0);
    return fills.sort(inOrder);
  }

  return { events, equity, sharpe, worst, years, orders };
})();
