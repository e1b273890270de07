// The persistence service as it runs, in a group of its own: `main.ts GROUP`, settings from the environment.
import { persistenceSettings } from '../../consumers/persistence/config.ts';
import { startPersistence } from '../../consumers/persistence/persistence.ts';
import { runService } from '../../service/lifecycle.ts';

const [groupId = ''] = process.argv.slice(2);
await runService('persistence', process.env, persistenceSettings, (config, context) =>
  startPersistence(config, context, groupId),
);
