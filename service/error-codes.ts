// Every error this system can name, in one table. The type of an error's code is the keys of this table, so a code that
// is not documented does not compile; docs/errors.md is generated from it and a test compares the two.
import { CLIENT_ERROR_CODES } from './client-error-codes.ts';
import { DATABASE_ERROR_CODES } from './database-error-codes.ts';
import { LOG_ERROR_CODES } from './log-error-codes.ts';

export interface ErrorCode {
  /** Whether the same operation may succeed later without anybody changing anything. Unknown errors are not retriable. */
  readonly retriable: boolean;
  /** What happened, in one sentence. */
  readonly meaning: string;
  /** What the operator does about it. */
  readonly action: string;
  /** The exit code of a one-shot command that ends with this error (see `pmc --help`). */
  readonly exitCode: 1 | 2 | 4 | 5 | 7 | 130;
}

export const ERROR_CODES = {
  // service
  PMC_CONFIG_INVALID: {
    retriable: false,
    meaning: 'One or more configuration values are missing or not allowed; the message lists all of them.',
    action: 'Correct the named environment variables and start again (docs/configuration.md has every variable).',
    exitCode: 2,
  },
  PMC_USAGE: {
    retriable: false,
    meaning: 'A command was called with an unknown verb, flag or argument.',
    action: 'Read the usage that was printed on stderr, or ask for more with `--help` behind the verb.',
    exitCode: 2,
  },
  PMC_PORT_TAKEN: {
    retriable: false,
    meaning: 'A port that a service must listen on is in use by another process.',
    action: 'Stop the other process, or move the port with the variable named in the message or with PMC_PORT_OFFSET.',
    exitCode: 4,
  },
  PMC_SPOOL_IN_USE: {
    retriable: false,
    meaning: "The communicator's spool is open in another process.",
    action: 'Give each communicator its own PMC_INSTANCE, or end the other one; a killed one lets go at once.',
    exitCode: 4,
  },
  PMC_SPOOL_UNREADABLE: {
    retriable: false,
    meaning: "The communicator's spool cannot be opened: no right to, no room, or a damaged file.",
    action:
      'Read the reason in the message. A damaged file: move it away, keep it (it holds frames that may be nowhere else), and start again.',
    exitCode: 5,
  },
  ...DATABASE_ERROR_CODES,
  ...LOG_ERROR_CODES,
  ...CLIENT_ERROR_CODES,
  // persistence
  PMC_PERSISTENCE_PAYLOAD: {
    retriable: false,
    meaning: "An event's payload is not UTF-8 text of JSON, so it cannot be stored without altering it.",
    action: 'Nothing is lost: the record is quarantined with its raw bytes. Find out which producer wrote it.',
    exitCode: 1,
  },
  PMC_PERSISTENCE_ROW_REFUSED: {
    retriable: false,
    meaning: 'PostgreSQL refused one row, twice, with a data error (SQLSTATE class 22, 23 or 54).',
    action:
      'Nothing is lost: the record is quarantined with its raw bytes and the reason. Correct the cause, then redrive it.',
    exitCode: 1,
  },
  PMC_PERSISTENCE_BREAKER: {
    retriable: true,
    meaning: 'Most records of a batch would be quarantined, which points at the system and not at the records.',
    action:
      'Read the reason in the message (wrong registry, wrong database, a broken producer). The partition waits and nothing is ' +
      'quarantined; if the records really are bad, raise PMC_PERSISTENCE_BREAKER_PERCENT to 100.',
    exitCode: 1,
  },
  PMC_PERSISTENCE_ROW_VANISHED: {
    retriable: true,
    meaning:
      'A row that stood in the way of another, or the state of a message, was deleted while a transaction was at work with it.',
    action:
      'None: the transaction is repeated. If it goes on, find out what deletes rows of message_metadata or message_state.',
    exitCode: 7,
  },
  // audit
  PMC_AUDIT_DRILL_FAILED: {
    retriable: true,
    meaning: 'The faults of a drill could not be planted as planned, so nothing can be said about the detector.',
    action:
      'The message has the reason; nothing of the system was touched. Run the drill again when the servers are well.',
    exitCode: 7,
  },
  // commands
  PMC_COMMANDS_FILE_INVALID: {
    retriable: false,
    meaning: 'The file of external APIs, webhooks and rules of commands cannot be read or breaks its rules.',
    action: 'Correct the lines of the file that the message lists; docs/external-apis.md says what each key takes.',
    exitCode: 2,
  },
  PMC_STOP_OVERDUE: {
    retriable: false,
    meaning:
      'A service, or the stack that `pmc down` ends, could not come to an end in the time it had; what it had in hand is undone, not lost.',
    action:
      'Find out in its log what it waited for (a database, a broker, a call); the next start goes on with it. `pmc down` once more hurries it.',
    exitCode: 1,
  },
  PMC_AUDIT_NO_REPORT: {
    retriable: false,
    meaning: 'No audit of that id, or none at all, is on the books.',
    action: 'Run `pmc audit run`; `pmc audit report` takes the newest one, `--run` one by its id.',
    exitCode: 4,
  },
  PMC_AUDIT_REPORT_UNWRITABLE: {
    retriable: false,
    meaning: 'The report of an audit cannot be written to the file that was named.',
    action: 'Name a file in a folder that exists and may be written to; the audit itself is on the books and not lost.',
    exitCode: 1,
  },
  // compose and operator
  PMC_PREFLIGHT_FAILED: {
    retriable: false,
    meaning:
      'The machine lacks something that the stack needs: Java, Maven, a port that is free and may be opened, the address of PMC_HOST, disk or memory.',
    action: 'Each line of the message names what is missing, what to install, or the variable that replaces the part.',
    exitCode: 4,
  },
  PMC_ALREADY_RUNNING: {
    retriable: false,
    meaning: 'A stack already runs on this state folder.',
    action: 'Use it (`pmc status`), end it (`pmc down`), or give this one another PMC_HOME and PMC_PORT_OFFSET.',
    exitCode: 4,
  },
  PMC_ARTIFACTS_FAILED: {
    retriable: true,
    meaning: 'The servers of the embedded stack could not be fetched or unpacked.',
    action: 'Read the log that the message names; check the network and the Maven settings, then start again.',
    exitCode: 7,
  },
  PMC_SERVER_FAILED: {
    retriable: false,
    meaning: 'A server of the embedded stack ended before it was ready, or was not ready in time.',
    action: 'Read the log that the message names, or use your own server with the variable it names.',
    exitCode: 1,
  },
  PMC_NO_STACK: {
    retriable: true,
    meaning: 'No stack runs on this state folder, so there is nothing to ask or to command.',
    action: 'Start one with `npm start`, or set PMC_HOME to the folder of the one that runs.',
    exitCode: 7,
  },
  PMC_SERVICE_NOT_READY: {
    retriable: true,
    meaning: 'A service was started and was not ready within the time a command waits.',
    action: 'The message has the reason it gave; `pmc status` shows whether it gets there.',
    exitCode: 7,
  },
  PMC_UNAUTHORISED: {
    retriable: false,
    meaning: 'A request did not carry the token it needs.',
    action: 'Use the address that `pmc up` printed, or run the command as the user who started the stack.',
    exitCode: 5,
  },
  PMC_INTERRUPTED: {
    retriable: false,
    meaning:
      'The start was interrupted before the stack was ready, a command before its end, or a command to a service came while the stack was being stopped.',
    action: 'None: what had been started has been stopped; what a command had changed by then is on the timeline.',
    exitCode: 130,
  },
  // console
  PMC_CONVERSATION_UNKNOWN: {
    retriable: false,
    meaning: 'The console was asked for a conversation of which nothing is stored.',
    action: 'Ask `/api/conversations` which there are; what has just been received is there within a second.',
    exitCode: 1,
  },
  PMC_CONSOLE_BUSY: {
    retriable: true,
    meaning: 'As many connections as the console allows already follow it live.',
    action: 'Close a page that is no longer needed, or ask /api/snapshot instead of /api/live.',
    exitCode: 4,
  },
  // chaos-socket
  PMC_CHAOS_PROFILE_UNKNOWN: {
    retriable: false,
    meaning: 'The simulator was asked for a profile that it does not have.',
    action: 'Choose one of the profiles that the message lists, or add a file to producers/chaos-socket/profiles.',
    exitCode: 2,
  },
  PMC_CHAOS_PROFILE_INVALID: {
    retriable: false,
    meaning: 'A profile of the simulator is not valid YAML or breaks the rules of profile files.',
    action: 'Correct the fields of the file that the message lists.',
    exitCode: 2,
  },
  PMC_CHAOS_REQUEST_INVALID: {
    retriable: false,
    meaning: "A request to the simulator's HTTP API is not understood; nothing was sent.",
    action: 'Correct the request as the message says.',
    exitCode: 2,
  },
  PMC_CHAOS_BUSY: {
    retriable: true,
    meaning: 'The simulator is comparing its ledger already, and does one comparison at a time.',
    action: 'Ask again when that one has ended, or use `pmc chaos verdict`, which runs on its own.',
    exitCode: 4,
  },
  PMC_CHAOS_LEDGER_FAILED: {
    retriable: true,
    meaning: 'The simulator cannot write down what it sends; it stops sending before it would send unrecorded.',
    action: 'Free disk space, or correct the rights of the folder that the message names; PMC_HOME moves it.',
    exitCode: 4,
  },
  PMC_CHAOS_FAULT_INVALID: {
    retriable: false,
    meaning:
      'A fault was to be armed that does not exist, that does not take these settings, or is one too many; nothing was armed.',
    action: 'Correct what the message names; GET /api/faults lists every fault with its settings.',
    exitCode: 2,
  },
  PMC_CHAOS_SCHEDULE_INVALID: {
    retriable: false,
    meaning: 'A schedule of the simulator cannot be read, breaks the rules or contradicts the other settings.',
    action: 'Correct what the message names in the file of PMC_CHAOS_SCHEDULE.',
    exitCode: 2,
  },
  PMC_OUTAGE_PLAN_IMPOSSIBLE: {
    retriable: false,
    meaning: 'A plan of outages asks for something that cannot be, such as more outages than fit into its time.',
    action: 'Ask for fewer or shorter outages, or for more time.',
    exitCode: 2,
  },
  PMC_OUTAGE_RECORD_UNREADABLE: {
    retriable: false,
    meaning: 'A file that is to be the record of the outages of a run is none.',
    action: 'Name the record that a run wrote, whole: the message names the line.',
    exitCode: 2,
  },
  PMC_NAMESPACES_UNAVAILABLE: {
    retriable: false,
    meaning:
      'A link of network namespaces was asked for, and this machine, its kernel or the rights of this process do not allow one.',
    action: 'Run as root on Linux with iproute2, or break the link with the TCP proxy; the message has the reason.',
    exitCode: 4,
  },
  PMC_CHAOS_PLAN_TOO_LARGE: {
    retriable: false,
    meaning: 'A plan has more events than can be gone through in reasonable time.',
    action: 'Ask for fewer minutes or a lower rate.',
    exitCode: 2,
  },
  PMC_CHAOS_RECORDING_INVALID: {
    retriable: false,
    meaning: 'A recording of frames cannot be read, holds something else, or is too large.',
    action: 'Give a file with one JSON object with connection, atMs and frame on each line.',
    exitCode: 2,
  },
  PMC_CHAOS_LEDGER_UNREADABLE: {
    retriable: false,
    meaning: 'A file that was given as a ledger of the simulator is none, or is damaged.',
    action: 'Give the ledger-….jsonl files of one run, or what GET /api/ledger answered.',
    exitCode: 2,
  },
  PMC_CHAOS_EXPORT_UNREADABLE: {
    retriable: false,
    meaning: 'What was given to compare a ledger with is neither an export of rows nor the report of an audit.',
    action: 'Make it with `pmc rows export` or with `pmc audit run --json`.',
    exitCode: 2,
  },
} as const satisfies Record<string, ErrorCode>;

export type PmcErrorCode = keyof typeof ERROR_CODES;
