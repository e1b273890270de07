import { describe, expect, it } from 'vitest';
import { PmcError } from '../../../service/errors.ts';
import type { Declarations } from './declaration.ts';
import { readDeclarations } from './declaration-text.ts';

const SOUND = `commands:
  search: { per_minute: 5, allow: { chats: [ops] } }
apis:
  weather:
    description: { en: the weather, pt: o tempo }
    arguments:
      - { name: city, kind: text }
    method: GET
    url: https://api.example/weather?city={city}
    headers: { authorization: "Bearer {secret}" }
    secret_env: WEATHER_TOKEN
    reply: "{city}: {response.temp}"
webhooks:
  findings:
    method: POST
    url: https://hooks.example/pmc
    body: { finding: "{finding}" }
`;

function read(text: string, environment = { WEATHER_TOKEN: 't0ken' }): Declarations {
  return readDeclarations({ fileName: 'pmc.yaml', text, knownCommands: ['help', 'search'], environment });
}

function problems(text: string, environment = { WEATHER_TOKEN: 't0ken' }): readonly string[] {
  try {
    read(text, environment);
  } catch (error) {
    if (error instanceof PmcError && error.code === 'PMC_COMMANDS_FILE_INVALID') return error.message.split('\n');
    throw error;
  }
  return [];
}

describe('a sound file', () => {
  it('has defaults for all that is left out', () => {
    const { apis, rules, webhooks } = read(SOUND);
    expect(rules.get('search')).toEqual({ perMinute: 5, allow: { senders: [], chats: ['ops'] } });
    expect(apis[0]).toMatchObject({
      ...{ name: 'weather', target: 'api:weather', method: 'GET', secret: 't0ken', isSigned: false },
      ...{ isIdempotent: true, timeoutMs: 5_000, retries: 2, concurrency: 4, waitingMax: 100 },
      ...{ responseBytesMax: 65_536, allowsPrivateAddresses: false, breaker: { failures: 5, pauseMs: 30_000 } },
    });
    expect(webhooks[0]).toMatchObject({ target: 'webhook:findings', isIdempotent: false });
  });

  it('may be empty', () => {
    expect(read('')).toEqual({ apis: [], webhooks: [], rules: new Map() });
  });
});

describe('an error', () => {
  it.each([
    [
      'method: GET',
      'method: FETCH',
      'pmc.yaml:8: apis.weather.method must be one of: GET, POST, PUT, PATCH, DELETE (is "FETCH")',
    ],
    [
      'kind: text',
      'kind: number',
      'pmc.yaml:7: apis.weather.arguments.0.kind must be one of: word, text, whole, choice (is "number")',
    ],
    ['    method: GET\n', '', 'pmc.yaml:4: apis.weather.method must be one of: GET, POST, PUT, PATCH, DELETE'],
    [
      '    reply:',
      '    timeout_seconds: 0\n    reply:',
      'pmc.yaml:12: apis.weather.timeout_seconds must be a whole number from 1 to 60 (is 0)',
    ],
    [
      '    reply:',
      '    sign: maybe\n    reply:',
      'pmc.yaml:12: apis.weather.sign must be one of: true, false (is "maybe")',
    ],
    [
      '{city}: {response.temp}',
      '{town}',
      'pmc.yaml:12: apis.weather.reply has {town}, which nothing stands for; allowed: city, command_id, source, chat, sender, status, response, response.FIELD (is "{town}")',
    ],
    [
      'https://api.example/weather?city={city}',
      'https://{city}.example/',
      'pmc.yaml:9: apis.weather.url must begin with http:// or https:// and a host, without a {name} before the path (is "https://{city}.example/")',
    ],
    ...['https://api.example{city}', 'https://api.example:80{city}'].map((url): [string, string, string] => [
      'https://api.example/weather?city={city}',
      url,
      `pmc.yaml:9: apis.weather.url must begin with http:// or https:// and a host, without a {name} before the path (is "${url}")`,
    ]),
    [
      'https://api.example/weather?city={city}',
      'file:///etc/passwd',
      'pmc.yaml:9: apis.weather.url must begin with http:// or https:// and a host, without a {name} before the path (is "file:///etc/passwd")',
    ],
    ['search: {', 'serch: {', 'pmc.yaml:2: commands.serch is no command; allowed: help, search'],
    ['authorization:', 'host:', 'pmc.yaml:10: apis.weather.headers.host is set by this system (is "Bearer {secret}")'],
    [
      'WEATHER_TOKEN',
      'OTHER_TOKEN',
      'pmc.yaml:11: apis.weather.secret_env names OTHER_TOKEN, which is not set (is "OTHER_TOKEN")',
    ],
    [
      '    method: GET',
      '    method: GET\n    body: x',
      'pmc.yaml:9: apis.weather.body cannot go with GET; put the values into the url (is "x")',
    ],
    [
      '"{finding}"',
      '"{city}"',
      'pmc.yaml:17: webhooks.findings.body has {city}, which nothing stands for; allowed: command_id, finding, finding_key, kind, stage, state, first_seen_at, opened_at',
    ],
  ])('names file, line, key and what is allowed (%s → %s)', (from, to, line) => {
    expect(SOUND).toContain(from);
    expect(problems(SOUND.replace(from, to))).toEqual([line]);
  });

  it('is told for an unknown key with all that are known', () => {
    const [line] = problems(SOUND.replace('method: POST', 'methd: POST'));
    expect(line).toBe('pmc.yaml:14: webhooks.findings.method must be one of: GET, POST, PUT, PATCH, DELETE');
    expect(problems(SOUND.replace('method: POST', 'methd: POST'))[1]).toMatch(
      /^pmc\.yaml:15: webhooks\.findings\.methd is no key that is known here; allowed: method, url, /,
    );
  });

  it('is told together with all others', () => {
    const broken = SOUND.replace('GET', 'FETCH')
      .replace('https://hooks', 'ftp://hooks')
      .replace('kind: text', 'kind: x');
    expect(problems(broken)).toHaveLength(2);
  });

  it('is told where the text is no YAML', () => {
    expect(problems('apis:\n  a: [')[0]).toMatch(/^pmc\.yaml:2: /);
    expect(problems('- a')[0]).toBe('pmc.yaml:1: the file must hold: commands, apis, webhooks');
    expect(problems('a: &x [*x]')).not.toEqual([]);
  });

  it('never shows a secret', () => {
    const lines = problems(SOUND, { WEATHER_TOKEN: 'a secret with spaces' });
    expect(lines[0]).toContain('names WEATHER_TOKEN, which holds a space');
    expect(lines.join()).not.toContain('a secret');
  });

  it('is told of choices that could not be told apart', () => {
    const choice = (values: string) => SOUND.replace('kind: text', `kind: choice, values: [${values}]`);
    expect(problems(choice('Berlin, Paris'))).toEqual([]);
    expect(problems(choice('Berlin, Paris, berlin'))).toEqual([
      'pmc.yaml:7: apis.weather.arguments.0.values.2 is there twice; capitals make no difference (is "berlin")',
    ]);
  });

  it('is told of arguments that could not be told apart', () => {
    const two = SOUND.replace(
      '- { name: city, kind: text }',
      '- { name: city, kind: text }\n      - { name: chat, kind: word }',
    );
    expect(problems(two)).toEqual([
      'pmc.yaml:8: apis.weather.arguments.1.name has a meaning of its own in templates; choose another (is "chat")',
      'pmc.yaml:8: apis.weather.arguments.1.kind cannot follow a text, which takes all words that are left (is "word")',
    ]);
  });
});
