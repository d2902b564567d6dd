// What the page carries compressed: scripts, figures, and what the cells are made of.
lakebt.inflate = (() => {
  "use strict";

  // {bytes} of an element that holds base64 of a gzipped file.
  async function bytes(id) {
    const text = atob(document.getElementById(id).textContent.trim());
    const packed = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) packed[i] = text.charCodeAt(i);
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  async function text(id) {
    return new TextDecoder().decode(await bytes(id));
  }

  // Planes of bytes, lowest first; bit 0 of a number is its sign.
  function whole(planes, n, width) {
    const values = width < 4 ? new Int32Array(n) : new Float64Array(n);
    for (let k = 0, unit = 1; k < width; k++, unit *= 256) {
      for (let i = 0, at = k * n; i < n; i++, at++) values[i] += planes[at] * unit;
    }
    for (let i = 0; i < n; i++) {
      const folded = values[i];
      values[i] = folded % 2 ? -(folded + 1) / 2 : folded / 2;
    }
    return values;
  }

  function floats(planes, n) {
    const mixed = new Uint8Array(8 * n);
    for (let k = 0; k < 8; k++) {
      for (let i = 0; i < n; i++) mixed[8 * i + k] = planes[k * n + i];
    }
    const view = new DataView(mixed.buffer);
    return Float64Array.from({ length: n }, (_, i) => view.getFloat64(8 * i, true));
  }

  // The file that lakebt.report.packing writes: a length, a JSON text, arrays.
  function unpack(file) {
    const length = new DataView(file.buffer).getUint32(0, true);
    const made = JSON.parse(new TextDecoder().decode(file.subarray(4, 4 + length)));
    let at = 4 + length;
    for (const [name, { n, width, float }] of Object.entries(made.arrays)) {
      const planes = file.subarray(at, at + n * width);
      made[name] = float ? floats(planes, n) : whole(planes, n, width);
      at += n * width;
    }
    delete made.arrays;
    return made;
  }

  function summed(steps) {
    let sum = 0;
    return steps.map(step => (sum += step));
  }

  function offsets(counts) {
    const starts = new Int32Array(counts.length + 1);
    counts.forEach((count, i) => { starts[i + 1] = starts[i] + count; });
    return starts;
  }

  // Opens and closes, one series after the other; NaN where there is no bar.
  function bars(made) {
    const starts = offsets(made.series_count);
    const opens = new Float64Array(made.missing.length).fill(NaN);
    const closes = new Float64Array(made.missing.length).fill(NaN);
    for (let series = 0, step = 0; series < made.series_count.length; series++) {
      const unit = 10 ** made.series_digits[series];
      let price = 0;
      for (let bar = starts[series]; bar < starts[series + 1]; bar++) {
        if (made.missing[bar]) continue;
        opens[bar] = (price += made.price_steps[step++]) / unit;
        closes[bar] = (price += made.price_steps[step++]) / unit;
      }
    }
    return { opens, closes, starts };
  }

  // What the cells are made of, with every step added up.
  async function ingredients(id) {
    const made = unpack(await bytes(id));
    for (const name of ["event_day", "days", "series_symbol", "slot_event", "apart"]) {
      made[name] = summed(made[name]);
    }
    Object.assign(made, bars(made));
    made.position = offsets(made.position_count);
    made.entry_row = made.entry_row.map((row, slot) => row + made.event_row[made.slot_event[slot]]);
    made.seriesOf = made.symbols.map(() => []);
    made.series_symbol.forEach((symbol, series) => made.seriesOf[symbol].push(series));
    made.slotsOf = Array.from({ length: made.n_entries }, () => []);
    made.slot_entry.forEach((entry, slot) => made.slotsOf[entry].push(slot));
    let own = 0;
    made.own_place = made.sized.map(back => (back === 255 ? own++ : -1));
    const legs = Array.from(made.apart, cell => {
      const slot = Math.floor(cell / made.n_exits);
      return made.position_count[slot] - (made.terms.hedge >= 0 ? 1 : 0);
    });
    const rows = offsets(legs);
    made.apartAt = new Map(Array.from(made.apart, (cell, i) => [cell, rows[i]]));
    return made;
  }

  return { text, ingredients };
})();
