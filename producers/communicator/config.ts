// The communicator's settings.
import { kafkaSettings, recordBytesMaxSetting } from '../../kafka/config.ts';
import { setting } from '../../service/config.ts';
import { databaseSettings } from '../../service/database.ts';

export const communicatorSettings = {
  ...kafkaSettings,
  ...databaseSettings,
  recordBytesMax: recordBytesMaxSetting,
  sources: setting.list({
    variable: 'PMC_SOURCES',
    description:
      'Chat sources to connect to, as WebSocket URLs; replaces the built-in simulator. `legacy+` or `pmc.v1+` in front fixes what is spoken. Several communicators share them, so all have the same list: one that is given to a communicator without it is dialled by nobody, and is `elsewhere` in the `/ready` of all that have it.',
    item: /^(?:(?:legacy|pmc\.v1)\+)?wss?:\/\/[^\s,#]+$/,
    itemText: 'ws:// or wss:// URLs without a fragment',
  }),
  gatewayPort: setting.port({
    variable: 'PMC_GATEWAY_PORT',
    description: "Port of the users' WebSocket.",
    default: 4000,
  }),
  instance: setting.text({
    variable: 'PMC_INSTANCE',
    description:
      'Name of this communicator among several; it stands in source checkpoints, and its spool is named after it. `auto` takes the first of communicator-1, -2, … whose spool in PMC_SPOOL_FOLDER nobody has open.',
    default: 'communicator-1',
  }),
  inFlightMax: setting.integer({
    variable: 'PMC_INFLIGHT_MAX',
    description:
      'Frames in memory, at most: of a source that cannot send again, a kill takes no more than these and only what was not on the disk yet. Peers are paused at half of it.',
    min: 64,
    max: 1_000_000,
    default: 8_192,
  }),
  spoolFolder: setting.text({
    variable: 'PMC_SPOOL_FOLDER',
    description: 'Folder of the spools; each communicator has a file there by its PMC_INSTANCE.',
    default: '.pmc/spool',
  }),
  spoolBytesMax: setting.integer({
    variable: 'PMC_SPOOL_BYTES_MAX',
    description:
      'Bytes in the spool, at most; sources that cannot send again are not read any more at nine tenths of it.',
    min: 1_048_576,
    max: 1_000_000_000_000,
    default: 1_073_741_824,
  }),
  spoolAgeMaxSeconds: setting.integer({
    variable: 'PMC_SPOOL_AGE_MAX',
    description:
      'Seconds that the oldest frame in the spool may wait for the log; sources that cannot send again are not read any more above it. Keep it below the retention of pmc.messages.incoming, which would delete older frames as soon as they are there.',
    min: 1,
    max: 31_536_000,
    default: 259_200,
  }),
  origins: setting.list({
    variable: 'PMC_ORIGINS',
    description:
      "Pages from which browsers may connect to the users' WebSocket, as origins; what sends no origin is no browser and needs its token only.",
    item: /^[a-z][a-z0-9+.-]*:\/\/[^\s,/?#@\\*]+$/i,
    itemText: 'origins (scheme://host or scheme://host:port, without a path and without wildcards)',
    default: '',
  }),
  userRate: setting.integer({
    variable: 'PMC_USER_RATE',
    description: 'Events a second that a user connection may send over time.',
    min: 1,
    max: 100_000,
    default: 50,
  }),
  userBurst: setting.integer({
    variable: 'PMC_USER_BURST',
    description: 'Events that a user connection may send at once.',
    min: 1,
    max: 100_000,
    default: 100,
  }),
  usersRateMax: setting.optionalInteger({
    variable: 'PMC_USERS_RATE_MAX',
    description: 'Events a second that all user connections of one communicator together may send.',
    min: 1,
    max: 10_000_000,
  }),
  sourceRate: setting.optionalInteger({
    variable: 'PMC_SOURCE_RATE',
    description:
      'Events a second that are read from a source that is dialled; above it the source is paused, nothing is dropped.',
    min: 1,
    max: 10_000_000,
  }),
  connectionsMax: setting.integer({
    variable: 'PMC_CONNECTIONS_MAX',
    description:
      'User connections that one communicator keeps open; one more is closed with 4009, and comes back. The limit of open files (`ulimit -n`) is to be 2,000 higher.',
    min: 1,
    max: 1_000_000,
    default: 20_000,
  }),
  connectionsPerSubject: setting.integer({
    variable: 'PMC_CONNECTIONS_PER_SUBJECT',
    description: 'User connections of one subject that one communicator keeps open; one more is closed with 4506.',
    min: 1,
    max: 1_000_000,
    default: 20,
  }),
} as const;
