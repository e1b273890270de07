// How a record of the log is named on a command line: as `pmc dlq list` prints it, or as the audit does. Pure.
import { PmcError } from '../../service/errors.ts';

export interface RecordPlace {
  /** As it was given. */
  readonly text: string;
  /** Undefined: whichever. */
  readonly incarnation: string | undefined;
  /** Undefined: whichever. */
  readonly topic: string | undefined;
  readonly partition: number;
  /** Decimal; it may be larger than a number holds. */
  readonly offset: string;
}

export const PLACE_FORMS =
  'PARTITION/OFFSET, INCARNATION/PARTITION/OFFSET or TOPIC-PARTITION@OFFSET (TOPIC- may be left out)';

const SLASHES =
  /^(?:(?<incarnation>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/)?(?<partition>\d{1,9})\/(?<offset>\d{1,18})$/i;
const AT = /^(?:(?<topic>[\w.-]+)-)?(?<partition>\d{1,9})@(?<offset>\d{1,18})$/;

/** Throws PMC_USAGE for what is no place. */
export function recordPlaceOf(text: string): RecordPlace {
  const groups = (SLASHES.exec(text) ?? AT.exec(text))?.groups;
  if (groups === undefined) throw new PmcError('PMC_USAGE', `${text} is no place: ${PLACE_FORMS}`);
  const { incarnation, topic, partition, offset = '' } = groups;
  return { text, incarnation, topic, partition: Number(partition), offset };
}
