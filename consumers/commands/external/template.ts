// Texts with `{name}` in them; pure. `{{` and `}}` are braces. What a name stands for is put in as data: escaped for the place
// where it stands, never read as a template again.

/** Text, and between the texts the names. */
export interface Template {
  readonly parts: readonly (string | { readonly name: string })[];
}

/** A JSON value whose texts are templates. */
export type JsonTemplate =
  | { readonly kind: 'text'; readonly template: Template }
  | { readonly kind: 'constant'; readonly value: number | boolean | null }
  | { readonly kind: 'list'; readonly items: readonly JsonTemplate[] }
  | { readonly kind: 'object'; readonly fields: readonly (readonly [string, JsonTemplate])[] };

export type TemplateValues = (name: string) => unknown;

const TOKEN = /\{\{|\}\}|\{([A-Za-z][\w.-]*)\}|[{}]/g;

/** Throws SyntaxError at a brace that stands alone. */
export function parseTemplate(text: string): Template {
  const parts: (string | { name: string })[] = [];
  let from = 0;
  let plain = '';
  for (const match of text.matchAll(TOKEN)) {
    const [token, name] = match;
    plain += text.slice(from, match.index);
    from = match.index + token.length;
    if (token === '{' || token === '}') {
      throw new SyntaxError(
        `has a ${token} at character ${match.index + 1} that belongs to no {name}; write ${token}${token} for the character`,
      );
    }
    if (name === undefined) plain += token.charAt(0);
    else {
      if (plain !== '') parts.push(plain);
      plain = '';
      parts.push({ name });
    }
  }
  plain += text.slice(from);
  if (plain !== '') parts.push(plain);
  return { parts };
}

export function namesIn({ parts }: Template): readonly string[] {
  return parts.filter((part) => typeof part !== 'string').map(({ name }) => name);
}

export function fill({ parts }: Template, values: TemplateValues, escape: (text: string) => string): string {
  return parts.map((part) => (typeof part === 'string' ? part : escape(textOf(values(part.name))))).join('');
}

export function parseJsonTemplate(value: unknown): JsonTemplate {
  if (typeof value === 'string') return { kind: 'text', template: parseTemplate(value) };
  if (Array.isArray(value)) return { kind: 'list', items: value.map(parseJsonTemplate) };
  if (typeof value === 'object' && value !== null) {
    return { kind: 'object', fields: Object.entries(value).map(([key, one]) => [key, parseJsonTemplate(one)]) };
  }
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return { kind: 'constant', value };
  throw new SyntaxError('holds something that JSON cannot hold');
}

export function namesInJson(json: JsonTemplate): readonly string[] {
  switch (json.kind) {
    case 'text':
      return namesIn(json.template);
    case 'constant':
      return [];
    case 'list':
      return json.items.flatMap(namesInJson);
    case 'object':
      return json.fields.flatMap(([, one]) => namesInJson(one));
  }
}

/** A text that is one name and nothing else becomes the value itself: a number stays a number. */
export function fillJson(json: JsonTemplate, values: TemplateValues): unknown {
  switch (json.kind) {
    case 'text': {
      const [only, ...others] = json.template.parts;
      const isBare = typeof only === 'object' && others.length === 0;
      return isBare ? (values(only.name) ?? null) : fill(json.template, values, (text) => text);
    }
    case 'constant':
      return json.value;
    case 'list':
      return json.items.map((one) => fillJson(one, values));
    case 'object':
      return Object.fromEntries(json.fields.map(([key, one]) => [key, fillJson(one, values)]));
  }
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value as string | number | boolean);
}
