/** Numbers, durations and amounts in the reader's own way of writing them. `long` is for voices. */
export interface Format {
  number(value: number): string;
  /** From whole per cent. */
  percent(value: number, long?: boolean): string;
  duration(seconds: number, long?: boolean): string;
  bytes(count: number, isPerSecond?: boolean): string;
}

const BYTES = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];

export function createFormat(locale: string): Format {
  const unit = (value: number, name: string, long = false, digits = 0) =>
    new Intl.NumberFormat(locale, {
      style: "unit",
      unit: name,
      unitDisplay: long ? "long" : "short",
      maximumFractionDigits: digits,
    }).format(value);
  return {
    number: (value) => new Intl.NumberFormat(locale).format(value),
    percent: (value, long) => unit(value, "percent", long),
    duration(seconds, long) {
      if (seconds < 60) return unit(seconds, "second", long);
      const minutes = unit(Math.floor(seconds / 60), "minute", long);
      // Beyond ten minutes nobody counts seconds.
      return seconds % 60 === 0 || seconds >= 600
        ? minutes
        : `${minutes} ${unit(seconds % 60, "second", long)}`;
    },
    bytes(count, isPerSecond) {
      const power = count < 1 ? 0 : Math.min(BYTES.length - 1, Math.floor(Math.log10(count) / 3));
      const value = count / 1000 ** power;
      return unit(
        value,
        BYTES[power] + (isPerSecond ? "-per-second" : ""),
        false,
        value < 100 && power > 0 ? 1 : 0,
      );
    },
  };
}

/** The reader's own region if it speaks the language of the words, else that language itself. */
export function pickLocale(language: string, wanted = globalThis.navigator?.language): string {
  return wanted?.split("-")[0] === language.split("-")[0] ? wanted : language;
}
