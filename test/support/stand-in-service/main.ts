// A service that does nothing, well: for tests of what starts, stops and restarts services. It can be told to refuse its
// configuration.
import { setting } from '../../../service/config.ts';
import { PmcError } from '../../../service/errors.ts';
import { runService } from '../../../service/lifecycle.ts';

const settings = {
  refuses: setting.choice({
    variable: 'STAND_IN_REFUSES',
    description: 'Only for tests.',
    values: ['no', 'late'],
    default: 'no',
  }),
};
await runService('stand-in', process.env, settings, async ({ refuses }) => {
  if (refuses === 'late') throw new PmcError('PMC_CHAOS_RECORDING_INVALID', 'what STAND_IN_REFUSES names is none');
  return { stop: async () => undefined };
});
