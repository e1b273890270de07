// What somebody without the token sees, and the step in between for somebody who has the cookie but came by a link.
import { html } from './markup.ts';

export function deniedPage(): string {
  return html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>Token needed · PMC</title></head>
<body>
<h1>This console needs a token</h1>
<p>Open the address that was printed when the system became ready; it begins with <code>pmc ready console=</code> and carries
the token. <code>pmc status</code> shows the same address.</p>
<p>Others get one of their own: <code>pmc token create --role viewer --subject NAME</code>, opened as <code>/?token=…</code>.</p>
<p>Scripts send the header <code>Authorization: Bearer …</code>.</p>
</body>
</html>
`.text;
}

export function enteringPage(): string {
  return html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="color-scheme" content="light dark"><meta http-equiv="refresh" content="0; url=/">
<title>PMC</title></head>
<body><p><a href="/">Go on to the console</a></p></body>
</html>
`.text;
}
