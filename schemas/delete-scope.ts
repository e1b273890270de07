// Whether a delete took a message from everybody or from its actor only, as SQL over a row. No column has it: the payload is asked, as
// text, because a JSON operator fails the whole query at one row with \u0000. A quotation mark within a JSON text has a backslash
// before it, so what matches is a member's name. Whoever leaves the member out or spells it otherwise deletes for everybody.

/** True of a delete for its actor only; null of what is no delete. */
export const IS_FOR_ACTOR_ONLY = String.raw`case when kind = 'delete' then raw_payload::text ~ '[{,]\s*"delete_for_everyone"\s*:\s*false\s*[,}]' end`;
