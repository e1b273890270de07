// Which fault strikes which event. Pure: the same seed, armings and events give the same strikes, whatever the clock or the
// network do, because each decision hangs on the seed, the arming and the event's place in its stream alone. An event
// suffers at most one fault, the one armed first, so that what must become of it is never in doubt.
import { PmcError } from '../../service/errors.ts';
import { hashedUnit, type Random, seededRandom } from '../../service/random.ts';
import type { Arming } from './arming.ts';
import type { Effect } from './delivery.ts';
import type { EventKind } from './event-kinds.ts';
import type { Fault, Occasion } from './faults/fault.ts';
import { FAULTS } from './faults/table.ts';

const FAULT_LANE = -1_000;
const ARMED_MAX = 100;
const ALL_STREAMS = -1;

export interface Armed {
  /** `fault-1`, `fault-2`, … */
  readonly id: string;
  readonly fault: Fault;
  readonly arming: Arming;
}

/** Where an event stands; `stream` is the number of its plan among those of the seed. */
export interface Place {
  readonly stream: number;
  readonly n: number;
  readonly atMs: number;
  /** The wall clock's time for it; only faults armed by request need it. */
  readonly dueAtMs: number;
  readonly kind: EventKind;
  readonly chat: string | undefined;
  readonly source: string;
  readonly isNumbered: boolean;
}

export interface Strike {
  readonly armed: Armed;
  readonly random: Random;
  readonly effect: (occasion: Omit<Occasion, 'random'>) => Effect;
}

interface Loaded extends Armed {
  readonly strike: (occasion: Occasion) => Effect;
  readonly salt: number;
  /** Wall clock time from which its seconds count; undefined for the plan's own time. */
  readonly sinceMs: number | undefined;
  readonly moments: readonly number[] | undefined;
  readonly struck: Map<number, { times: number; moment: number }>;
}

export class FaultPlan {
  readonly #seed: number;
  #loaded: readonly Loaded[] = [];
  #count = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  get armed(): readonly Armed[] {
    return this.#loaded;
  }

  /** Throws PMC_CHAOS_FAULT_INVALID for settings that the fault does not take, or when too many are armed. */
  arm(arming: Arming, sinceMs?: number): Armed {
    const [armed] = this.exchange([], [arming], sinceMs) as [Armed];
    return armed;
  }

  /** Disarms some and arms others; when it throws, nothing has changed. */
  exchange(ids: readonly string[], armings: readonly Arming[], sinceMs?: number): readonly Armed[] {
    const staying = this.#loaded.filter(({ id }) => !ids.includes(id));
    if (staying.length + armings.length > ARMED_MAX) {
      const message = `at most ${ARMED_MAX} faults can be armed, and ${staying.length} are; disarm one first`;
      throw new PmcError('PMC_CHAOS_FAULT_INVALID', message);
    }
    const count = this.#count;
    const fresh = armings.map((arming, index) => this.#load(arming, count + index + 1, sinceMs));
    this.#count += armings.length;
    this.#loaded = [...staying, ...fresh];
    return fresh;
  }

  #load(arming: Arming, ordinal: number, sinceMs: number | undefined): Loaded {
    const fault = FAULTS.get(arming.fault);
    if (fault === undefined) throw new PmcError('PMC_CHAOS_FAULT_INVALID', `there is no fault ${arming.fault}`);
    const strike = fault.prepare(arming.options);
    const salt = Math.floor(seededRandom(this.#seed, FAULT_LANE - ordinal)() * 2 ** 32);
    const { at, every, probability, from } = arming;
    const isOnce = probability === undefined && every === undefined;
    const moments = at?.toSorted((a, b) => a - b) ?? (isOnce ? [from] : undefined);
    return { id: `fault-${ordinal}`, fault, arming, strike, salt, sinceMs, moments, struck: new Map() };
  }

  disarm(id: string): boolean {
    const before = this.#loaded.length;
    this.#loaded = this.#loaded.filter((one) => one.id !== id);
    return this.#loaded.length < before;
  }

  /** The fault that strikes this event, if any. Events of one stream must be asked for in order. */
  decide(place: Place): Strike | undefined {
    for (const loaded of this.#loaded) {
      if (loaded.fault.at !== 'opening' && isInScope(loaded, place) && isDue(loaded, place)) {
        return this.#strike(loaded, place.stream, place.n);
      }
    }
    return undefined;
  }

  /** The faults that strike a connection as it opens: the n-th of this process, from 1. */
  decideOpening(n: number, { source, nowMs }: { source: string; nowMs: number }): readonly Strike[] {
    return this.#loaded
      .filter(({ fault, arming, salt, sinceMs }) => {
        if (fault.at !== 'opening' || (arming.source !== undefined && arming.source !== source)) return false;
        const elapsedMs = sinceMs === undefined ? 0 : nowMs - sinceMs;
        return isInWindow(arming, elapsedMs) && hashedUnit(salt, 0, n) < (arming.probability ?? 1);
      })
      .map((loaded) => this.#strike(loaded, -1, n));
  }

  /** A stream that has ended asks no more. */
  forget(stream: number): void {
    for (const { struck } of this.#loaded) struck.delete(stream);
  }

  #strike(loaded: Loaded, stream: number, n: number): Strike {
    const random = seededRandom(this.#seed, (loaded.salt ^ Math.imul(stream + 2, 0x9e3779b1) ^ n) | 0);
    return { armed: loaded, random, effect: (occasion) => loaded.strike({ ...occasion, random }) };
  }
}

function isInScope({ fault, arming }: Loaded, { kind, chat, source, isNumbered }: Place): boolean {
  if (fault.needs === 'pmc.v1' && !isNumbered) return false;
  if (arming.kinds !== undefined && !arming.kinds.includes(kind)) return false;
  if (arming.chat !== undefined && arming.chat !== chat) return false;
  return arming.source === undefined || arming.source === source;
}

function isInWindow({ from, to }: Arming, elapsedMs: number): boolean {
  return elapsedMs >= from * 1_000 && (to === undefined || elapsedMs < to * 1_000);
}

/** Counts the strike where it is due. */
function isDue(loaded: Loaded, { stream, n, atMs, dueAtMs }: Place): boolean {
  const { arming, salt, sinceMs, moments, struck } = loaded;
  const elapsedMs = sinceMs === undefined ? atMs : dueAtMs - sinceMs;
  if (!isInWindow(arming, elapsedMs)) return false;
  // A request means all streams together: once is once, also when the connection breaks and another stream begins.
  const counted = sinceMs === undefined ? stream : ALL_STREAMS;
  const state = struck.get(counted) ?? { times: 0, moment: 0 };
  if (arming.times !== undefined && state.times >= arming.times) return false;
  if (arming.probability !== undefined) {
    if (hashedUnit(salt, stream, n) >= arming.probability) return false;
  } else {
    // Moments strike one event each, however many of them have passed since the last event.
    const momentMs = momentAt(moments, arming, state.moment);
    if (momentMs === undefined || elapsedMs < momentMs) return false;
    state.moment++;
    // Of a period what has passed without an event is over: it must not strike every event until it has caught up.
    if (arming.every !== undefined) {
      const passed = Math.floor((elapsedMs / 1_000 - arming.from) / arming.every);
      state.moment = Math.max(state.moment, passed);
    }
  }
  state.times++;
  struck.set(counted, state);
  return true;
}

function momentAt(moments: readonly number[] | undefined, { from, every = 0 }: Arming, index: number) {
  if (moments === undefined) return (from + (index + 1) * every) * 1_000;
  const moment = moments[index];
  return moment === undefined ? undefined : moment * 1_000;
}
