// Numbers and ages as a person reads them; the same everywhere on the page. Pure.
export function figure(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 0 });
}

/** A rate with as many digits as it deserves: 0, 0.4, 12.5, 1,988. */
export function rateFigure(perSecond: number): string {
  return perSecond.toLocaleString('en-US', { maximumFractionDigits: perSecond < 100 ? 1 : 0 });
}

export function counted(count: number, noun: string): string {
  return `${figure(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** A share of one, never rounded up to 100 % nor down to 0 %. */
export function percent(share: number): string {
  if (share > 0.999 && share < 1) return 'over 99.9 %';
  if (share > 0 && share < 0.001) return 'under 0.1 %';
  return `${(share * 100).toLocaleString('en-US', { maximumFractionDigits: 1 })} %`;
}

/** "4 s ago", "3 min ago", "2 h ago", "5 d ago". */
export function ago(ageMs: number): string {
  const seconds = Math.max(0, Math.round(ageMs / 1_000));
  if (seconds < 120) return `${seconds} s ago`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h ago`;
  return `${Math.round(seconds / 86_400)} d ago`;
}

/** Ends with one full stop. */
export function sentence(text: string): string {
  return /[.?!]$/.test(text) ? text : `${text}.`;
}
