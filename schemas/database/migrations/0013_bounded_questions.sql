-- A search asks of each message for its newest text and for its deletes, and not for all that was ever changed in the chat. Only edits and
-- deletes are in it, and of names that may not be in one entry together a hash, behind which the names themselves are compared.
drop index message_metadata_changes;
create index message_metadata_changes on message_metadata
  (chat, kind, hashtextextended(ref_id, hashtextextended(source, 0)), received_at desc, record_offset desc)
  where kind = 'delete' or (kind = 'edit' and content is not null);

-- What is open is asked for every few seconds, and what was healed is never deleted. `findings_open` has none that concern no chat.
create index findings_open_stages on audit.findings (stage) where state = 'open';
