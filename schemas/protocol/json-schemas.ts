// The JSON Schemas of pmc.v1, for clients in any language: one for each frame that a peer sends, that the gateway sends, and
// for each event. Pure.
import { z } from 'zod';
import { EVENT_FRAMES } from './events.ts';
import { GATEWAY_FRAMES, PEER_FRAMES } from './frames.ts';

const FRAMES = { peer: PEER_FRAMES, gateway: GATEWAY_FRAMES, event: EVENT_FRAMES } as const;

export type JsonSchema = Readonly<Record<string, unknown>>;

/** By name, e.g. `peer-hello`: `peer` and `gateway` say who sends a control frame. */
export function jsonSchemas(): ReadonlyMap<string, JsonSchema> {
  const all = Object.entries(FRAMES).flatMap(([side, frames]) =>
    Object.entries<z.ZodType>(frames).map(([kind, frame]) => {
      const name = `${side}-${kind}`;
      // Of what is read: a reader ignores fields that it does not know.
      const { $schema, ...rest } = z.toJSONSchema(frame, { io: 'input' });
      return [name, { $schema, $id: `urn:pmc:v1:${name}`, title: name, ...rest }] as const;
    }),
  );
  return new Map(all);
}
