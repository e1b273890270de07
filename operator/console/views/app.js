// Keeps the page live. The server sends sections as HTML; only what differs is changed in place, so that focus, selection
// and a screen reader's place survive. When the connection is gone, or silent, the page says since when it is not live.
'use strict';

const SILENT_AFTER_MS = 6000;
const RETRY_AFTER_MS = 5000;

const banner = document.getElementById('connection');
const clock = document.getElementById('at');
let lastAt = clock.dateTime;
let lastHeardMs = Date.now();
let stream;

function connect() {
  stream = new EventSource('/live');
  stream.addEventListener('page', (event) => {
    const { at, sections } = JSON.parse(event.data);
    for (const [name, text] of Object.entries(sections)) renew(name, text);
    lastAt = at;
    lastHeardMs = Date.now();
    clock.dateTime = at;
    setText(clock, timeOf(at));
    setLive('');
  });
  stream.addEventListener('error', () => {
    notLive('trying to reconnect');
    // A refused stream is not retried by the browser: find out why, say it, and try again later.
    if (stream.readyState === EventSource.CLOSED) void explain();
  });
}

async function explain() {
  const { status } = await fetch('/api/snapshot').catch(() => ({ status: 0 }));
  if (status === 401) notLive('the token is no longer valid, open the address that pmc status shows');
  else if (status === 200) notLive('too many pages follow the console, close one of them');
  setTimeout(connect, RETRY_AFTER_MS);
}

function notLive(why) {
  setLive(`Not live since ${timeOf(lastAt)}: ${why}. What is shown below may be out of date.`);
}

// After a pause the first event carries every section, so what is changed here does not stay.
function setLive(problem) {
  const verdict = document.getElementById('verdict');
  if (problem !== '' && banner.hidden) setText(verdict, `Last seen: ${verdict.textContent}`);
  setText(document.querySelector('title'), `${verdict.textContent} · PMC`);
  banner.hidden = problem === '';
  setText(banner, problem);
  document.body.classList.toggle('not-live', problem !== '');
}

// A network that went silent or a machine that slept brings no error, so the silence itself counts.
setInterval(() => {
  if (stream.readyState !== EventSource.OPEN || Date.now() - lastHeardMs <= SILENT_AFTER_MS) return;
  notLive('the console is silent, trying to reconnect');
  lastHeardMs = Date.now();
  stream.close();
  connect();
}, 1000);

function renew(name, text) {
  const section = document.getElementById(name);
  if (section === null) return;
  const fresh = document.createElement('template');
  fresh.innerHTML = text;
  morph(section, fresh.content);
}

// Makes the children of `from` equal to those of `to`, keeping every node that can stay.
function morph(from, to) {
  const old = [...from.childNodes];
  const fresh = [...to.childNodes];
  for (const [index, node] of fresh.entries()) {
    const present = old[index];
    if (present === undefined) from.append(node);
    else if (present.nodeName !== node.nodeName) present.replaceWith(node);
    else if (node.nodeType !== Node.ELEMENT_NODE) setText(present, node.textContent);
    else {
      morphAttributes(present, node);
      morph(present, node);
    }
  }
  for (const node of old.slice(fresh.length)) node.remove();
}

function morphAttributes(from, to) {
  for (const { name, value } of to.attributes) if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  for (const name of from.getAttributeNames()) if (!to.hasAttribute(name)) from.removeAttribute(name);
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function timeOf(at) {
  return `${at.slice(11, 19)} UTC`;
}

connect();
