// The way of a message, left to right, with the audit's verdict on every step: where something was lost is where the
// chain is broken. A stage that the audit does not report is said to be not reported, it is not left out.
import type { StageResult } from '../audit-report.ts';
import type { RateKey } from '../rates.ts';
import type { Snapshot } from '../snapshot.ts';
import { figure, rateFigure } from '../wording.ts';
import { mark } from './mark.ts';
import { html, type Markup } from './markup.ts';

type Station = { readonly name: string; readonly figure: (snapshot: Snapshot) => string };

interface Chain {
  readonly label: string;
  readonly first: Station;
  readonly steps: readonly { readonly stage: string; readonly to: Station }[];
}

const CHAINS: readonly Chain[] = [
  {
    label: 'Messages',
    first: { name: 'Source', figure: ({ connectionsOpen }) => plain(connectionsOpen, 'connected') },
    steps: [
      { stage: 'source-to-gateway', to: { name: 'Gateway', figure: (snapshot) => rate(snapshot, 'received') } },
      { stage: 'gateway-to-log', to: { name: 'Log', figure: (snapshot) => rate(snapshot, 'appended') } },
      { stage: 'log-to-stored', to: { name: 'Stored', figure: (snapshot) => rate(snapshot, 'stored') } },
    ],
  },
  {
    label: 'Commands',
    first: { name: 'Command', figure: (snapshot) => rate(snapshot, 'commands') },
    steps: [
      { stage: 'command-to-reply', to: { name: 'Reply', figure: (snapshot) => rate(snapshot, 'replies') } },
      { stage: 'reply-to-delivered', to: { name: 'Delivered', figure: (snapshot) => rate(snapshot, 'delivered') } },
    ],
  },
];

export function flowSection(snapshot: Snapshot): Markup {
  const audit = snapshot.audit.live ?? snapshot.audit.run;
  const chains = CHAINS.map(({ label, first, steps }) => {
    const rest = steps.map(({ stage, to }) => html`${edge(stage, audit?.stages)}${station(to, snapshot)}`);
    return html`<h3 class="quiet">${label}</h3><ol class="chain">${station(first, snapshot)}${rest}</ol>`;
  });
  return html`<h2>Stages</h2>${chains}`;
}

function station({ name, figure: read }: Station, snapshot: Snapshot): Markup {
  return html`<li class="station"><strong>${name}</strong><span>${read(snapshot)}</span></li>`;
}

function edge(stage: string, results: readonly StageResult[] | undefined): Markup {
  const result = results?.find((one) => one.stage === stage);
  const shown =
    result === undefined ? mark('unknown', results === undefined ? 'not known' : 'not reported') : verdict(result);
  return html`<li class="edge"><span class="quiet">${stage}: </span>${shown}${
    result?.detail ? html`<small>${result.detail}</small>` : ''
  }</li>`;
}

function verdict({ verdict: word }: StageResult): Markup {
  return mark(word, word === 'not-measurable' ? 'not measurable' : word);
}

function rate({ rates }: Snapshot, key: RateKey): string {
  const perSecond = rates.find((one) => one.key === key)?.perSecond ?? null;
  return perSecond === null ? '– /s' : `${rateFigure(perSecond)} /s`;
}

function plain(value: number | null, unit: string): string {
  return value === null ? `– ${unit}` : `${figure(value)} ${unit}`;
}
