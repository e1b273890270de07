-- A search asks of each message for its newest text and for its deletes, and not for all that was ever changed in the chat. Only edits and
-- deletes are in it, and of names that may not be in one entry together a hash, behind which the names themselves are compared.
-- Made beside the one that it replaces: whoever reads goes on, and only the exchange at the end waits for them.
create index message_metadata_changes_of_message on message_metadata
  (chat, kind, hashtextextended(ref_id, hashtextextended(source, 0)), received_at desc, record_offset desc)
  where kind = 'delete' or (kind = 'edit' and content is not null);

-- What is open is asked for every few seconds, and what was healed is never deleted. `findings_open` has none that concern no chat.
create index findings_open_stages on audit.findings (stage) where state = 'open';

drop index message_metadata_changes;
alter index message_metadata_changes_of_message rename to message_metadata_changes;
