// A service that does nothing, well: for tests of what starts, stops and restarts services.
import { runService } from '../../../service/lifecycle.ts';

await runService('stand-in', process.env, {}, async () => ({ stop: async () => undefined }));
