// Who takes part: chats and senders that stay the same for a whole run (and for every run with the same seed), some of
// them far busier than others. Without stable chats, order within a chat could never be checked.
import { hashedUnit, type Random, seededRandom } from '../../service/random.ts';
import { weightedIndex, zipfWeights } from './weights.ts';

const POPULATION_LANE = -1;
/** 2026-01-01: the millisecond in a chat's id is when the chat is said to have begun, within the year after it. */
const CHATS_SINCE_MS = 1_767_225_600_000;
const YEAR_MS = 365 * 24 * 3_600_000;
const CHATS_MAX = 5_000;

export interface Population {
  readonly chats: readonly string[];
  readonly senders: readonly string[];
  readonly drawChat: (random: Random) => number;
  readonly drawSender: (random: Random) => number;
  /** In [0, 1): how a sender's presence falls in a given span of time. */
  readonly mood: (sender: number, slot: number) => number;
}

export interface PopulationSize {
  readonly senders: number;
  /** By default half as many as there are senders, at most 5,000. */
  readonly chats?: number | undefined;
}

export function populate(seed: number, size: PopulationSize): Population {
  const random = seededRandom(seed, POPULATION_LANE);
  const chatCount = size.chats ?? Math.min(CHATS_MAX, Math.ceil(size.senders / 2));
  const chats = Array.from({ length: chatCount }, (_, index) => {
    const sinceMs = CHATS_SINCE_MS + Math.floor(random() * YEAR_MS);
    // Four letters count (scattered by a factor coprime to 36), two are drawn: two chats never share an id.
    return `chat_${sinceMs}_${letters((index * 1_234_577) % 36 ** 4, 4)}${letters(Math.floor(random() * 36 ** 2), 2)}`;
  });
  const senders = Array.from(
    { length: size.senders },
    (_, index) => `sender_${index}_${Math.floor(random() * 1_000)}@example.com`,
  );
  const salt = Math.floor(random() * 2 ** 32);
  return {
    chats,
    senders,
    drawChat: weightedIndex(zipfWeights(chats.length)),
    drawSender: weightedIndex(zipfWeights(senders.length)),
    mood: (sender, slot) => hashedUnit(salt, sender, slot),
  };
}

function letters(value: number, length: number): string {
  return value.toString(36).padStart(length, '0');
}
