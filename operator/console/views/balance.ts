// The audit's equation as a balance sheet, one column for each audit: settled = stored + … + missing, and the residual that
// must be 0. An account that means loss is named in words when it is not empty.
import { ACCOUNTS, type Account } from '../../../consumers/gap-detector/accounts.ts';
import { type Accounts, isBalanced } from '../audit-report.ts';
import type { AuditView, Snapshot } from '../snapshot.ts';
import { ago, figure, percent } from '../wording.ts';
import { mark } from './mark.ts';
import { html, type Markup } from './markup.ts';

const ACCOUNT: Readonly<Record<Account, { name: string; means: string; isBad?: boolean }>> = {
  stored: { name: 'stored', means: 'a row with the same content' },
  altered: { name: 'altered', means: 'a row whose content differs', isBad: true },
  duplicateOf: { name: 'duplicate of', means: 'the same event, stored elsewhere' },
  quarantined: { name: 'quarantined', means: 'kept as raw bytes, cannot be a row' },
  control: { name: 'control', means: "Kafka's own markers" },
  aborted: { name: 'aborted', means: 'taken back by its producer' },
  expired: { name: 'expired', means: 'left the log before it was read' },
  purged: { name: 'purged', means: 'deleted by retention, on the books' },
  missing: { name: 'missing', means: 'on the log, no row and no reason', isBad: true },
};

interface Column {
  readonly name: string;
  readonly audit: AuditView;
}

export function balanceSection({ audit: { live, run }, storedRows }: Snapshot): Markup {
  const columns: readonly Column[] = [
    ...(live === null ? [] : [{ name: 'Live audit', audit: live }]),
    ...(run === null ? [] : [{ name: 'Full audit', audit: run }]),
  ];
  if (columns.length === 0) {
    const why =
      storedRows === null ? 'Not known: the database does not answer.' : 'There is no audit that can be shown.';
    return html`<h2>Balance sheet</h2><p>${why}</p>`;
  }
  const numbers = (read: (accounts: Accounts) => number): readonly Markup[] =>
    columns.map(({ audit }) => html`<td>${figure(read(audit.accounts))}</td>`);
  const accounts = ACCOUNTS.map((key, index) => {
    const { name, means, isBad } = ACCOUNT[key];
    const values = columns.map(({ audit }) => audit.accounts[key]);
    const tone = values.every((value) => value === 0) ? 'empty' : isBad ? 'bad' : 'filled';
    return html`<tr class="${tone}"><th scope="row"><span class="sign" aria-hidden="true">${index === 0 ? '=' : '+'}</span>${name}
      <small>${means}</small></th>${numbers((one) => one[key])}</tr>`;
  });
  return html`<h2>Balance sheet</h2>
    <div class="scroll" role="region" aria-label="Balance sheet" tabindex="0"><table class="balance">
    <thead>
      <tr><td></td>${columns.map(({ name }) => html`<th scope="col">${name}</th>`)}</tr>
      <tr><th scope="row">verdict</th>${columns.map(({ audit }) => html`<td>${mark(audit.verdict)}</td>`)}</tr>
      <tr><th scope="row">finished</th>${columns.map(
        ({ audit }) => html`<td><time datetime="${audit.finishedAt}">${ago(audit.ageMs)}</time></td>`,
      )}</tr>
      <tr><th scope="row">coverage <small>judged, of what was asked</small></th>${columns.map(
        ({ audit }) => html`<td>${percent(audit.coverage)}</td>`,
      )}</tr>
    </thead>
    <tbody>
      <tr class="settled"><th scope="row">settled <small>records old enough to judge</small></th>${numbers((one) => one.settled)}</tr>
      ${accounts}
    </tbody>
    <tfoot>
      <tr class="residual"><th scope="row">residual <small>settled less all accounts</small></th>${columns.map(residual)}</tr>
      <tr class="${columns.every(({ audit }) => audit.accounts.extra === 0) ? 'empty' : 'bad'}"><th scope="row">extra
        <small>rows without a record; outside the sum</small></th>${numbers((one) => one.extra)}</tr>
      <tr class="${columns.every(({ audit }) => audit.suspect === 0) ? 'empty' : 'filled'}"><th scope="row">suspect
        <small>waiting for a second look; outside the sum</small></th>${columns.map(({ audit }) => html`<td>${figure(audit.suspect)}</td>`)}</tr>
    </tfoot>
    </table></div>
    ${columns.map(equation)}`;
}

function residual({ audit: { accounts, residualRecomputed } }: Column): Markup {
  if (isBalanced(accounts)) return html`<td class="good">${figure(accounts.residual)}</td>`;
  const differs =
    accounts.residual === residualRecomputed ? '' : html`<small>summed here: ${figure(residualRecomputed)}</small>`;
  return html`<td class="bad">${figure(accounts.residual)}${differs}</td>`;
}

function equation({ name, audit: { accounts } }: Column): Markup {
  const sum = ACCOUNTS.map((key) => figure(accounts[key])).join(' + ');
  const words = isBalanced(accounts) ? 'the books balance' : 'the books do not balance';
  return html`<p class="equation"><span>${name}:</span> ${figure(accounts.settled)} = ${sum}; residual ${figure(accounts.residual)}: ${words}.</p>`;
}
