// Whether a delete took a message from everybody or from its actor only, as SQL over a row. No column has it: the payload is asked, for
// its own member and not for one of the same name further in; of a member that is there twice the last one counts, as in JavaScript.
// Whoever leaves the member out, or says anything but false, deletes for everybody.

/** Opening brackets of a payload that is looked into; what a gateway accepts has fewer. A delete with more is for everybody. */
const BRACKETS_MAX = 5_000;

const TEXT = 'raw_payload::text';

/**
 * A JSON operator fails the whole query at one row with \u0000 or half a surrogate pair: such escapes are taken out first, and escaped
 * backslashes before them, so that what follows one is not taken for an escape. No name that is looked for has any of them.
 */
const READABLE = String.raw`replace(replace(replace(replace(${TEXT}, '\\', '??'), '\u0000', '?'), '\ud', '?'), '\uD', '?')::json`;

/** As it fails at one that nests as deep as the server's stack just allowed when it was stored: those are not looked into. */
const IS_SHALLOW = `length(${TEXT}) - length(translate(${TEXT}, '[{', '')) <= ${BRACKETS_MAX}`;

/** True of a delete for its actor only; null of what is no delete. */
export const IS_FOR_ACTOR_ONLY = `case when kind <> 'delete' then null
  when ${IS_SHALLOW} then coalesce((${READABLE} -> 'delete_for_everyone')::text = 'false', false) else false end`;
