import { runService } from '../../service/lifecycle.ts';
import { startCommunicator } from './communicator.ts';
import { communicatorSettings } from './config.ts';

await runService('communicator', process.env, communicatorSettings, startCommunicator);
