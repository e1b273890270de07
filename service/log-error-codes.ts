// The part of the table of errors that is about the log: brokers, topics, records, schemas. See error-codes.ts.
import type { ErrorCode } from './error-codes.ts';

export const LOG_ERROR_CODES = {
  PMC_KAFKA_UNREACHABLE: {
    retriable: true,
    meaning: 'No Kafka broker answers at the configured addresses.',
    action: 'Check that the brokers run and that PMC_KAFKA_BROKERS names them; running services keep retrying.',
    exitCode: 7,
  },
  PMC_CLUSTER_INCOMPLETE: {
    retriable: true,
    meaning:
      'The Kafka cluster has fewer brokers than topics are to be created for, so they would get too few replicas.',
    action:
      'Wait until all brokers run (`docker compose -f compose/compose.yaml ps` shows them), or ask for fewer with --brokers-min.',
    exitCode: 7,
  },
  PMC_REGISTRY_UNREACHABLE: {
    retriable: true,
    meaning: 'The schema registry does not answer at the configured address, or what answers there is none.',
    action: 'Check that the registry runs and that PMC_REGISTRY_URL names it; running services keep retrying.',
    exitCode: 7,
  },
  PMC_SCHEMA_INCOMPATIBLE: {
    retriable: false,
    meaning: 'The registry refused a schema because it is not backward compatible with the one already registered.',
    action: 'Change the schema so that old records can still be read: give new fields a default, never rename one.',
    exitCode: 4,
  },
  PMC_SCHEMA_NOT_REGISTERED: {
    retriable: true,
    meaning: 'A service needs a subject that the registry does not have.',
    action:
      'Start the stack with `npm start` or run `pmc schemas register`; services never register schemas themselves.',
    exitCode: 4,
  },
  PMC_SCHEMA_ID_REUSED: {
    retriable: false,
    meaning: 'The registry gives an id to another schema than before, as one does that was emptied or replaced.',
    action:
      'Nothing is decoded or encoded with the id: such records are quarantined, commands and replies wait. ' +
      'Restore the registry and redrive what was quarantined; only where the log is as new as the registry, delete the folder that the message names.',
    exitCode: 4,
  },
  PMC_CODEC_MALFORMED: {
    retriable: false,
    meaning: 'A record on the log is not in the registry wire format or does not decode with its schema.',
    action: 'Nothing is lost: the record is quarantined with its raw bytes. Find out which producer wrote it.',
    exitCode: 1,
  },
  PMC_CODEC_UNKNOWN_SCHEMA: {
    retriable: false,
    meaning: 'A record names a schema id that the registry does not know.',
    action: 'Check that the services use the registry that the producer used; then redrive the quarantined record.',
    exitCode: 1,
  },
  PMC_APPEND_REJECTED: {
    retriable: false,
    meaning: 'The broker refused to append a record; it was definitely not written.',
    action: 'The message names the reason (size, topic, authorisation); correct it, nothing else was affected.',
    exitCode: 1,
  },
  PMC_APPEND_UNKNOWN: {
    retriable: true,
    meaning: 'No acknowledgement arrived for an append; the record may or may not be on the log.',
    action: 'None: it is sent again under the same identity and de-duplicated downstream.',
    exitCode: 7,
  },
  PMC_CLOCKS_DIFFER: {
    retriable: true,
    meaning:
      "The broker takes no record of this time: the clock of the machine that appends and the broker's differ by more than the topic allows (message.timestamp.after.max.ms, an hour by default).",
    action:
      'Set the clocks right. Nothing is lost: it is appended again until the broker takes it, by the gateway under the time of the attempt.',
    exitCode: 7,
  },
  PMC_RECORD_TOO_LARGE: {
    retriable: false,
    meaning: 'A record is larger than a topic takes; it was not sent, and its neighbours were.',
    action: 'Make the record smaller, or raise max.message.bytes of the topic and PMC_KAFKA_RECORD_BYTES_MAX together.',
    exitCode: 1,
  },
  PMC_RECORD_INVALID: {
    retriable: false,
    meaning: 'A record has no value, or a key, header or timestamp that cannot be written; it was not sent.',
    action: 'Report it: the caller that built the record is wrong. Its neighbours were appended.',
    exitCode: 1,
  },
  PMC_KAFKA_AUTHENTICATION: {
    retriable: false,
    meaning: 'The Kafka cluster refused the user name, the password or the mechanism.',
    action: 'Correct PMC_KAFKA_SASL_MECHANISM, PMC_KAFKA_SASL_USERNAME and PMC_KAFKA_SASL_PASSWORD.',
    exitCode: 5,
  },
  PMC_KAFKA_CERTIFICATE: {
    retriable: false,
    meaning: "The Kafka cluster's certificate is not trusted, or is not for the host that was dialled.",
    action: 'Name the CA that signed it in PMC_KAFKA_TLS_CA, and the host of the certificate in PMC_KAFKA_BROKERS.',
    exitCode: 5,
  },
  PMC_KAFKA_INCOMPATIBLE: {
    retriable: false,
    meaning: 'A broker does not speak a version of a request that the chosen client speaks.',
    action: 'The message names the request and both ranges: upgrade the broker, or choose the other client.',
    exitCode: 4,
  },
  PMC_BATCH_DAMAGED: {
    retriable: false,
    meaning: 'A batch on the log has not the bytes that its checksum is of, or its records do not end where it does.',
    action:
      "Nothing is skipped, the partition waits: check the broker's disk and memory, and let a replica that has the batch lead the partition.",
    exitCode: 1,
  },
  PMC_COMPRESSION_UNREADABLE: {
    retriable: false,
    meaning:
      'A batch on the log is compressed in a way that the chosen client cannot undo, or from more than the 64 MiB that a process takes.',
    action:
      'Nothing is skipped, the partition waits: choose the other client, or give the topic another compression.type. Find out who appends it.',
    exitCode: 1,
  },
  PMC_GROUP_ACTIVE: {
    retriable: true,
    meaning: 'The committed offsets of a consumer group cannot be set while it has members.',
    action: 'Stop the services of the group (`pmc service stop NAME`), wait for the session timeout, then repeat.',
    exitCode: 4,
  },
  PMC_OFFSET_OUTSIDE_LOG: {
    retriable: false,
    meaning: 'An offset to commit lies before the log start offset or after the high watermark; nothing was set.',
    action: 'Choose an offset within the range that the message gives.',
    exitCode: 2,
  },
  PMC_OFFSETS_NOT_SET: {
    retriable: true,
    meaning: 'Committed offsets that were set read back otherwise.',
    action: 'Nothing is assumed: look at the partitions in the message, make sure no member runs, and repeat.',
    exitCode: 7,
  },
  PMC_READER_FAILED: {
    retriable: true,
    meaning: 'A consumer stopped reading and could not be restarted in place.',
    action: 'The service ends itself and its supervisor starts it again; read the cause in its log.',
    exitCode: 1,
  },
  PMC_TOPIC_MISSING: {
    retriable: true,
    meaning: 'A topic that the system needs does not exist on the cluster.',
    action: 'Run `pmc topics create`, or start the embedded stack with `npm start`.',
    exitCode: 4,
  },
  PMC_TOPIC_MISMATCH: {
    retriable: false,
    meaning:
      'An existing topic has settings that would make holes legal or lose records (compaction, unclean elections, on three brokers or more a single replica or min.insync.replicas=1).',
    action:
      'Correct the topic as the message says, which can be done while the services run; the topic plan is in docs/architecture.md.',
    exitCode: 4,
  },
  PMC_TOPIC_RECREATED: {
    retriable: true,
    meaning: 'A topic was deleted and created again under a running consumer: same offsets, other records.',
    action: 'None: the service starts again with the new incarnation; find out who deleted the topic.',
    exitCode: 4,
  },
  PMC_LOG_REWRITTEN: {
    retriable: false,
    meaning:
      'A partition has other records than were stored from it, in the same topic: a broker lost the end of its log (what it had not yet written to its disk, or a disk from an older copy), and new records took the offsets. The rows hold the former ones.',
    action:
      'Nothing is overwritten: the partition waits at the offset in the message and is read again and again, the others go on. Delete neither the topic, which alone has the new records, nor the rows, which alone have the former. ' +
      'Let nothing expire while it waits: `pmc kafka configs --alter --entity-type topics --entity-name pmc.messages.incoming --add-config retention.ms=-1,retention.bytes=-1`. `pmc audit run` names what was cut off (`truncated`). ' +
      'No command stores both under one topic; find out how the log was lost (more than one replica, and `min.insync.replicas` of 2, keep it), and report it.',
    exitCode: 4,
  },
  PMC_RANGE_UNREADABLE: {
    retriable: true,
    meaning: 'A range of offsets could not be read from its leader.',
    action:
      'Check the brokers; what asked for the range names itself incomplete, it never assumes what it did not read.',
    exitCode: 7,
  },
  PMC_OFFSET_OUT_OF_RANGE: {
    retriable: false,
    meaning: 'An offset is larger than 2^53 - 1 and cannot be written as a JSON number without rounding.',
    action: 'Report it; offsets of this size are not reached in practice.',
    exitCode: 1,
  },
} as const satisfies Record<string, ErrorCode>;
