// Every fault there is, by name, in the order of docs/chaos-socket.md. Pure.
import { abruptClose } from './abrupt-close.ts';
import { ackLie } from './ack-lie.ts';
import { ackLoss } from './ack-loss.ts';
import { badTs } from './bad-ts.ts';
import { burst } from './burst.ts';
import { clockJump } from './clock-jump.ts';
import { clockSkew } from './clock-skew.ts';
import { closeBeforeAck } from './close-before-ack.ts';
import { closeCode } from './close-code.ts';
import { deep } from './deep.ts';
import { delay } from './delay.ts';
import { drop } from './drop.ts';
import { dropTail } from './drop-tail.ts';
import { dupNewSeq } from './dup-new-seq.ts';
import { duplicate } from './duplicate.ts';
import { early } from './early.ts';
import { epochReset } from './epoch-reset.ts';
import type { Fault } from './fault.ts';
import { flap } from './flap.ts';
import { floodN } from './flood-n.ts';
import { halfOpen } from './half-open.ts';
import { idConflict } from './id-conflict.ts';
import { jitter } from './jitter.ts';
import { lateRef } from './late-ref.ts';
import { malformed } from './malformed.ts';
import { manyFields } from './many-fields.ts';
import { missingChat } from './missing-chat.ts';
import { missingId } from './missing-id.ts';
import { nack } from './nack.ts';
import { oversize } from './oversize.ts';
import { ramp } from './ramp.ts';
import { refuse } from './refuse.ts';
import { reorder } from './reorder.ts';
import { seqRegress } from './seq-regress.ts';
import { slowReader } from './slow-reader.ts';
import { slowWriter } from './slow-writer.ts';
import { stall } from './stall.ts';
import { unknownEvent } from './unknown-event.ts';

export const FAULTS: ReadonlyMap<string, Fault> = new Map(
  [
    drop,
    dropTail,
    duplicate,
    dupNewSeq,
    idConflict,
    reorder,
    delay,
    jitter,
    stall,
    halfOpen,
    slowReader,
    slowWriter,
    abruptClose,
    closeCode,
    refuse,
    flap,
    closeBeforeAck,
    malformed,
    oversize,
    deep,
    manyFields,
    unknownEvent,
    missingId,
    missingChat,
    clockSkew,
    clockJump,
    badTs,
    burst,
    ramp,
    floodN,
    early,
    lateRef,
    epochReset,
    seqRegress,
    ackLoss,
    ackLie,
    nack,
  ].map((fault) => [fault.name, fault]),
);
