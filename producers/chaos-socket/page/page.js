// The simulator's page: asks the API once a second what there is, and steers by the same routes that a script would use.
'use strict';

const POLL_MS = 1000;
const CONNECTIONS_SHOWN = 50;
const at = (id) => document.getElementById(id);
let faults = [];
let before;

async function ask(path, method = 'GET', body) {
  const headers = body === undefined ? {} : { 'content-type': 'application/json' };
  const answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.error?.message ?? `${method} ${path} was answered with ${answer.status}`);
  return content;
}

function trouble(text) {
  at('trouble').hidden = text === '';
  at('trouble').textContent = text;
}

function row(...cells) {
  const line = document.createElement('tr');
  for (const cell of cells) {
    const field = document.createElement('td');
    field.append(cell);
    line.append(field);
  }
  return line;
}

function choices(select, names, chosen) {
  select.replaceChildren(...names.map((name) => new Option(name, name, name === chosen, name === chosen)));
}

async function look() {
  const [status, { armed }] = await Promise.all([ask('/api/status'), ask('/api/faults')]);
  const now = performance.now();
  at('run').textContent = status.run;
  at('seed').textContent = status.seed;
  at('uptime').textContent = status.uptimeSeconds;
  at('offered').textContent = status.offered;
  at('sent').textContent = status.sent;
  at('received').textContent = status.received;
  at('withheld').textContent = status.withheld;
  at('fired').textContent = status.faultsFired;
  at('not-sent').textContent = Object.values(status.notSent).reduce((sum, one) => sum + one, 0);
  if (before !== undefined) {
    at('rate').textContent = Math.round(((status.sent - before.sent) * 1000) / (now - before.now));
  }
  before = { sent: status.sent, now };
  at('armed').replaceChildren(...armed.map(armedRow));
  const shown = status.connections.slice(0, CONNECTIONS_SHOWN);
  at('connections').replaceChildren(
    ...shown.map(({ id, source, framesSent, bufferedBytes }) => row(id, source, framesSent, bufferedBytes)),
  );
}

function armedRow({ id, fault, probability, every, at: moments, from, to, fired }) {
  const button = document.createElement('button');
  button.textContent = 'Disarm';
  button.addEventListener('click', () => void steer(() => ask(`/api/faults/${id}`, 'DELETE')));
  const often =
    probability === undefined ? (every ? `every ${every} s` : `at ${moments ?? from} s`) : `p ${probability}`;
  return row(id, fault, to === undefined ? often : `${often}, ${from}–${to} s`, fired, button);
}

async function steer(deed) {
  try {
    await deed();
    trouble('');
    await look();
  } catch (error) {
    trouble(error.message);
  }
}

function describeFault() {
  const { does, expects, settings } = faults.find(({ name }) => name === at('fault').value) ?? {};
  const known = Object.entries(settings ?? {}).map(([name, one]) => `${name}=${JSON.stringify(one.default)}`);
  at('explained').textContent = `${does} Expected: ${expects}. Options: ${known.join(', ') || 'none'}.`;
}

at('fault').addEventListener('change', describeFault);
at('profile-form').addEventListener('submit', (event) => {
  event.preventDefault();
  void steer(() => ask('/api/profile', 'POST', { profile: at('profile').value }));
});
at('fault-form').addEventListener('submit', (event) => {
  event.preventDefault();
  void steer(() => {
    const wanted = { fault: at('fault').value };
    if (at('probability').value !== '') wanted.probability = Number(at('probability').value);
    if (at('seconds').value !== '') wanted.to = Number(at('seconds').value);
    if (at('options').value.trim() !== '') wanted.options = JSON.parse(at('options').value);
    return ask('/api/faults', 'POST', wanted);
  });
});

async function begin() {
  const [{ available }, profiles] = await Promise.all([ask('/api/faults'), ask('/api/profiles')]);
  faults = available;
  choices(
    at('fault'),
    faults.map(({ name }) => name),
    faults[0]?.name,
  );
  choices(at('profile'), profiles.available, profiles.current);
  describeFault();
}

void steer(begin);
setInterval(
  () =>
    look().then(
      () => trouble(''),
      (error) => trouble(`Not live: ${error.message}`),
    ),
  POLL_MS,
);
