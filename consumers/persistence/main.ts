import { runService } from '../../service/lifecycle.ts';
import { persistenceSettings } from './config.ts';
import { startPersistence } from './persistence.ts';

await runService('persistence', process.env, persistenceSettings, startPersistence);
