// A service that does nothing, well: for tests of what starts, stops and restarts services. It can be told to refuse its
// configuration, and to fail when it stops.
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
  stops: setting.choice({
    variable: 'STAND_IN_STOPS',
    description: 'Only for tests.',
    values: ['well', 'badly'],
    default: 'well',
  }),
};
await runService('stand-in', process.env, settings, async ({ refuses, stops }) => {
  if (refuses === 'late') throw new PmcError('PMC_CHAOS_RECORDING_INVALID', 'what STAND_IN_REFUSES names is none');
  return {
    stop: async () => {
      if (stops === 'badly') throw new PmcError('PMC_STOP_OVERDUE', 'what it had in hand waits for the next start');
    },
  };
});
