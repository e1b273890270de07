// Entry point of the commands service.
import { runService } from '../../service/lifecycle.ts';
import { startCommands } from './commands.ts';
import { commandsSettings } from './config.ts';

await runService('commands', process.env, commandsSettings, (config, context) =>
  startCommands(config, context, process.env),
);
