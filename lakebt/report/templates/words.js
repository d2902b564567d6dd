// How numbers are written: as lakebt.report.words writes them.
lakebt.words = (() => {
  "use strict";
  const NOTHING = "\u2013";

  const minus = text => text.replace("-", "\u2212");

  function grouped(text) {
    const [whole, part] = text.split(".");
    const spaced = whole.replace(/\B(?=(\d{3})+$)/g, ",");
    return part === undefined ? spaced : `${spaced}.${part}`;
  }

  // Basis points, signed, with a decimal when there are few.
  function bps(fraction) {
    const value = fraction * 1e4;
    if (!Number.isFinite(value)) return NOTHING;
    const text = Math.abs(value).toFixed(Math.abs(value) >= 9.95 ? 0 : 1);
    if (Number(text) === 0) return "0";
    return (value > 0 ? "+" : "\u2212") + grouped(text);
  }

  const error = fraction => (Number.isFinite(fraction) ? `± ${bps(fraction).replace("+", "")}` : "± ?");

  const count = (n, noun) => grouped(String(n)) + (noun ? ` ${noun}${n === 1 ? "" : "s"}` : "");

  // Two to four decimals.
  const price = value => grouped(value.toFixed(4).replace(/0{1,2}$/, ""));

  const growth = value => grouped(value.toFixed(4));

  const size = value => grouped(value.toFixed(2));

  const ratio = value => (Number.isFinite(value) ? minus(value.toFixed(2).replace(/^-0\.00$/, "0.00")) : NOTHING);

  const ratioError = value => (Number.isFinite(value) ? `± ${value.toFixed(2)}` : "± ?");

  const percent = fraction => `${minus((100 * fraction).toFixed(1).replace(/^-0\.0$/, "0.0"))}\u00a0%`;

  const day = number => new Date(number * 864e5).toISOString().slice(0, 10);

  return { NOTHING, minus, bps, error, ratio, ratioError, percent, count, growth, price, size, day };
})();
