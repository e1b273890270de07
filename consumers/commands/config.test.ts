import { expect, it } from 'vitest';
import { readSettings } from '../../service/config.ts';
import { commandsSettings } from './config.ts';

const { language, commandsFile, retentionHours, maxAgeSeconds } = commandsSettings;
const SETTINGS = { language, commandsFile, retentionHours, maxAgeSeconds };

it('keeps effects for longer than it answers commands', () => {
  expect(readSettings({}, SETTINGS)).toMatchObject({ retentionHours: 192, maxAgeSeconds: 600 });
  expect(() => readSettings({ PMC_COMMAND_RETENTION: '2', PMC_COMMAND_MAX_AGE: '3601' }, SETTINGS)).toThrow(
    'PMC_COMMAND_RETENTION must be at least twice PMC_COMMAND_MAX_AGE (is "2")',
  );
  expect(() => readSettings({ PMC_COMMAND_MAX_AGE: '604800' }, SETTINGS)).toThrow('at least twice');
  expect(readSettings({ PMC_COMMAND_RETENTION: '2', PMC_COMMAND_MAX_AGE: '3600' }, SETTINGS).retentionHours).toBe(2);
});

it('names what is wrong with a file or a language', () => {
  expect(() => readSettings({ PMC_COMMANDS_FILE: 'commands.yaml' }, SETTINGS)).toThrow(
    'PMC_COMMANDS_FILE must be an absolute path (is "commands.yaml")',
  );
  expect(() => readSettings({ PMC_COMMAND_LANGUAGE: 'de' }, SETTINGS)).toThrow('must be one of: en, pt');
});
