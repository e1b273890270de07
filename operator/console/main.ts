// Runs the console as a process of its own.
import { runService } from '../../service/lifecycle.ts';
import { consoleSettings } from './config.ts';
import { startConsole } from './console.ts';

await runService('console', process.env, consoleSettings, startConsole);
