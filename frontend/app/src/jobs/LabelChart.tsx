import { capitalised, number, percent } from "./words";

interface LabelChartProps {
  /** Most first; `null`: no result. */
  labels: readonly (readonly [string | null, number])[];
  total: number;
}

/** How many inputs got which label: bars on one scale, with their numbers beside them. */
export function LabelChart({ labels, total }: LabelChartProps) {
  const most = labels[0]?.[1] ?? 0;
  if (most === 0) return null;
  return (
    <ul className="label-bars" aria-label="Labels">
      {labels.map(([label, count]) => (
        <li key={label ?? ""} data-label={label ?? "none"}>
          <span>{label === null ? "No result" : capitalised(label)}</span>
          {/* Sizes in per cent, so that no text is stretched and no width has to be known. */}
          <svg className="load-bar" aria-hidden="true">
            <rect width={`${(count / most) * 100}%`} height="100%" />
          </svg>
          <span className="number">{number(count)}</span>
          <span className="number">{percent(count / total)}</span>
        </li>
      ))}
    </ul>
  );
}
