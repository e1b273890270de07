// The same frame with other members: what the frame writer wrote comes back from JSON exactly, so only what a fault
// changes differs. Pure.
import type { Delivery } from '../delivery.ts';

type Members = Readonly<Record<string, unknown>>;

export function membersOf({ data }: Delivery): Members {
  const value: unknown = JSON.parse(data.toString());
  return typeof value === 'object' && value !== null ? (value as Members) : {};
}

/** Id and chat are read again: they may be among what was changed. */
export function rewritten(delivery: Delivery, change: (members: Members) => Members): Delivery {
  const members = change(membersOf(delivery));
  const text = (name: string): string | undefined => {
    const value = Object.hasOwn(members, name) ? members[name] : undefined;
    return typeof value === 'string' ? value : undefined;
  };
  return { ...delivery, data: JSON.stringify(members), event: text('event'), id: text('id'), chat: text('chat') };
}
