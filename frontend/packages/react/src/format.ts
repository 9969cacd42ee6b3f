/** Numbers, durations and amounts in the reader's own way of writing them. `isLong` is for voices. */
export interface Format {
  number(value: number): string;
  /** From whole per cent. */
  percent(value: number, isLong?: boolean): string;
  duration(seconds: number, isLong?: boolean): string;
  bytes(count: number, isPerSecond?: boolean): string;
}

const THOUSANDS = ["", "kilo", "mega", "giga", "tera"];

export function createFormat(locale: string): Format {
  const unit = (value: number, name: string, isLong = false) =>
    new Intl.NumberFormat(locale, {
      style: "unit",
      unit: name,
      unitDisplay: isLong ? "long" : "short",
      maximumSignificantDigits: 3,
    }).format(value);
  return {
    number: new Intl.NumberFormat(locale).format,
    percent: (value, isLong) => unit(value, "percent", isLong),
    duration(seconds, isLong) {
      if (seconds < 60) return unit(seconds, "second", isLong);
      const rest = seconds % 60;
      const minutes = unit((seconds - rest) / 60, "minute", isLong);
      // Beyond ten minutes nobody counts seconds.
      return !rest || seconds >= 600 ? minutes : `${minutes} ${unit(rest, "second", isLong)}`;
    },
    bytes(count, isPerSecond) {
      const power = Math.min(4, Math.floor(Math.log10(count || 1) / 3));
      return unit(count / 1000 ** power, `${THOUSANDS[power]}byte${isPerSecond ? "-per-second" : ""}`);
    },
  };
}

/** The reader's own region if it speaks the language of the words, else that language itself. */
export function pickLocale(language: string, wanted = globalThis.navigator?.language): string {
  return wanted?.split("-")[0] === language.split("-")[0] ? wanted : language;
}
