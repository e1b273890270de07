-- The audit asks which stored commands have no effect. What may be a command is a small part of the rows, and only that is in the index;
-- which of it is one is decided by schemas/asked-command.ts.
create index message_metadata_commands on message_metadata (incarnation, partition, record_offset)
  where kind = 'message' and (type is null or type = 'text') and content like '/%';
