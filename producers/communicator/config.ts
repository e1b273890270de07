// The communicator's settings.
import { kafkaSettings, recordBytesMaxSetting } from '../../kafka/config.ts';
import { setting } from '../../service/config.ts';

export const communicatorSettings = {
  ...kafkaSettings,
  recordBytesMax: recordBytesMaxSetting,
  sources: setting.list({
    variable: 'PMC_SOURCES',
    description: 'Chat sources to connect to, as WebSocket URLs; replaces the built-in simulator.',
    item: /^wss?:\/\/[^\s,#]+$/,
    itemText: 'ws:// or wss:// URLs without a fragment',
  }),
  gatewayPort: setting.port({
    variable: 'PMC_GATEWAY_PORT',
    description: "Port of the users' WebSocket.",
    default: 4000,
  }),
  instance: setting.text({
    variable: 'PMC_INSTANCE',
    description: 'Name of this communicator among several; it stands in source checkpoints.',
    default: 'communicator-1',
  }),
  inFlightMax: setting.integer({
    variable: 'PMC_INFLIGHT_MAX',
    description:
      'Frames received and not yet on the log, at most: what a kill of the communicator can take. Sources are paused at half of it.',
    min: 64,
    max: 1_000_000,
    default: 8_192,
  }),
} as const;

/** A frame above this is refused with the link kept (protocol code 107). */
export const FRAME_BYTES_MAX = 65_536;
/** A frame above this closes the link (close code 1009): the library must not buffer more. */
export const FRAME_BYTES_HARD_MAX = 1_048_576;
