import { describe, expect, it } from 'vitest';
import { html } from './markup.ts';

describe('markup', () => {
  it('escapes every character that could end a text or an attribute', () => {
    expect(html`<a title="${`"'<>&`}">${'<script>'}</a>`.text).toBe(
      '<a title="&quot;&#39;&lt;&gt;&amp;">&lt;script&gt;</a>',
    );
  });

  it('leaves markup and lists of markup as they are', () => {
    expect(html`<ul>${[html`<li>${'a&b'}</li>`, html`<li>2</li>`]}</ul>`.text).toBe(
      '<ul><li>a&amp;b</li><li>2</li></ul>',
    );
  });

  it('writes numbers, and nothing for what is absent', () => {
    expect(html`${0}${undefined}${null}${false}`.text).toBe('0');
  });
});
