// The page as a whole, and the same sections again for whoever follows it live.
import type { Snapshot } from '../snapshot.ts';
import { balanceSection } from './balance.ts';
import { flowSection } from './flow.ts';
import { headlineSection, noticesSection } from './headline.ts';
import { html, type Markup } from './markup.ts';
import { ratesSection } from './rates.ts';
import { findingsSection, lagSection, partitionsSection, servicesSection } from './tables.ts';

export const STYLESHEETS = ['page.css', 'verdict.css', 'tables.css'] as const;

type Render = (snapshot: Snapshot) => Markup;

/** Across the page, then two columns, then across the page again; on a narrow screen all below each other in this order. */
const TOP = { headline: headlineSection, notices: noticesSection, flow: flowSection, findings: findingsSection };
const LEFT = { balance: balanceSection, lag: lagSection };
const RIGHT = { services: servicesSection, rates: ratesSection };
const BOTTOM = { partitions: partitionsSection };
const SECTIONS: Readonly<Record<string, Render>> = { ...TOP, ...LEFT, ...RIGHT, ...BOTTOM };

export function page(snapshot: Snapshot): string {
  const sections = (renders: Readonly<Record<string, Render>>): readonly Markup[] =>
    Object.entries(renders).map(([name, render]) => html`<section id="${name}">${render(snapshot)}</section>`);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${titleOf(snapshot)}</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
${STYLESHEETS.map(
  (name) => html`<link rel="stylesheet" href="/${name}">
`,
)}
<script src="/app.js" defer></script>
</head>
<body>
<a class="skip" href="#main">Skip to the verdict</a>
<header><p>Personal Message Center</p><p id="as-of">as of <time id="at" datetime="${snapshot.at}">${clockOf(snapshot.at)}</time></p></header>
<p id="connection" role="alert" hidden></p>
<noscript><p id="connection-noscript">Not live: this page follows the system only with JavaScript. Reload it to look again.</p></noscript>
<main id="main">
${sections(TOP)}
<div class="columns"><div>${sections(LEFT)}</div><div>${sections(RIGHT)}</div></div>
${sections(BOTTOM)}
</main>
</body>
</html>
`.text;
}

/** The sections that differ from those in `sent`, which is brought up to date. */
export function changedSections(snapshot: Snapshot, sent: Map<string, string>): Record<string, string> {
  const changed: Record<string, string> = {};
  for (const [name, render] of Object.entries(SECTIONS)) {
    const { text } = render(snapshot);
    if (sent.get(name) === text) continue;
    sent.set(name, text);
    changed[name] = text;
  }
  return changed;
}

function titleOf({ headline }: Snapshot): string {
  return `${headline.words} · PMC`;
}

/** "14:03:22 UTC". */
function clockOf(at: string): string {
  return `${at.slice(11, 19)} UTC`;
}
