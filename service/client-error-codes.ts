// The part of the table of errors that is about clients of the gateway. See error-codes.ts.
import type { ErrorCode } from './error-codes.ts';

export const CLIENT_ERROR_CODES = {
  PMC_CLIENT_EVENT_INVALID: {
    retriable: false,
    meaning:
      'An event cannot be sent as it is: no object, a field that the client sets itself, or too large. It was not numbered.',
    action: 'Correct what the message names.',
    exitCode: 2,
  },
  PMC_CLIENT_REFUSED: {
    retriable: false,
    meaning: 'The gateway has refused an event for good; what it got is kept as a rejected frame.',
    action:
      'docs/protocol.md says what the number in the message means. Correct the event and send it again under another id.',
    exitCode: 4,
  },
  PMC_CLIENT_UNAUTHORISED: {
    retriable: false,
    meaning: 'The gateway does not take the token, or does not permit this client or the origin of its page.',
    action:
      'Make a token with `pmc token create --role user --subject NAME`, and put it into PMC_TOKEN (or what `connect` is given). Events that were not acknowledged stay in the store.',
    exitCode: 5,
  },
  PMC_CLIENT_ENDED: {
    retriable: false,
    meaning: 'The gateway has closed the connection with a code that says that coming back does not help.',
    action: 'docs/protocol.md says what the code means. Events that were not acknowledged stay in the store.',
    exitCode: 4,
  },
  PMC_CLIENT_GAVE_UP: {
    retriable: true,
    meaning:
      'The client on a terminal has not reached the gateway, or nothing was acknowledged, in the time that --wait or --give-up allows.',
    action:
      'The message has the address and why: start the gateway, or name the right one with --url. With --store nothing is lost, run it again.',
    exitCode: 7,
  },
  PMC_CLIENT_CLOSED: {
    retriable: false,
    meaning: 'A client was closed before the gateway had acknowledged an event.',
    action: 'None with a store that outlives the client: the event is sent by the next client on it.',
    exitCode: 130,
  },
  PMC_CLIENT_FULL: {
    retriable: true,
    meaning: 'The outbox of a client is full, and as many events wait for room as may.',
    action: 'Wait for `room()`, or for the promises that `send` gave, before sending more.',
    exitCode: 4,
  },
  PMC_CLIENT_STORE_BUSY: {
    retriable: true,
    meaning: 'Another client uses the store; two of them would give the same number to two events.',
    action: 'Close the other client (another process, another tab), or give this one a store of its own.',
    exitCode: 4,
  },
  PMC_CLIENT_STORE_FAILED: {
    retriable: false,
    meaning: 'The store of a client cannot be opened, read or written, or holds something else.',
    action: 'Correct what the message names (a folder that is missing, rights, disk space), or give another store.',
    exitCode: 4,
  },
} as const satisfies Record<string, ErrorCode>;
