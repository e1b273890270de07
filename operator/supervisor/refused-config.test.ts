import { expect, test } from 'vitest';
import { refusedConfig } from './refused-config.ts';

test.for<[string, string, string]>([
  ['in plain text', 'commands: PMC_CONFIG_INVALID: A is wrong\n', 'commands: PMC_CONFIG_INVALID: A is wrong'],
  [
    'in its log',
    [
      '{"level":"info","service":"commands","event":"service.starting"}',
      '{"level":"fatal","error":"PMC_COMMANDS_FILE_INVALID: line 3","stack":"Error\\n at","event":"service.failed"}',
      '{"level":"info","event":"service.stopped","exitCode":2}\n',
    ].join('\n'),
    'commands: PMC_COMMANDS_FILE_INVALID: line 3',
  ],
])('what a service says %s is what a person is told', ([, output, message]) => {
  expect(refusedConfig('commands', output)).toMatchObject({ code: 'PMC_CONFIG_INVALID', message });
});
