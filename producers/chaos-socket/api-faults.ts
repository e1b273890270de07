// The routes that steer: faults armed and disarmed, the profile changed. A request that is wrong changes nothing.
import type { FastifyInstance } from 'fastify';
import { PmcError } from '../../service/errors.ts';
import { readRequest, requests } from './api-requests.ts';
import type { FaultDesk } from './fault-desk.ts';
import type { Armed } from './fault-plan.ts';
import { FAULTS } from './faults/table.ts';
import type { Scene } from './scene.ts';

export interface SteeringDependencies {
  readonly desk: FaultDesk;
  readonly scene: Scene;
  readonly nowMs: () => number;
}

export function addSteering(api: FastifyInstance, { desk, scene, nowMs }: SteeringDependencies): void {
  api.get('/api/faults', () => ({
    available: [...FAULTS.values()].map(({ name, does, expects, needs = null, settings }) => {
      return { name, does, expects, needs, settings };
    }),
    armed: desk.armed.map((armed) => ({ ...shown(armed), fired: armed.fired })),
    fired: desk.firings,
  }));

  api.post('/api/faults', async ({ body }, reply) => {
    const { value } = readRequest(requests.armFault, body);
    return await reply.code(201).send(shown(desk.arm(value, nowMs())));
  });

  api.delete<{ Params: { id: string } }>('/api/faults/:id', ({ params }) => {
    if (desk.disarm(params.id)) return { disarmed: params.id };
    throw new PmcError('PMC_CHAOS_FAULT_INVALID', `no fault ${JSON.stringify(params.id)} is armed`);
  });

  api.post('/api/profile', ({ body }) => {
    const { value } = readRequest(requests.changeProfile, body);
    const profile = scene.change(value.profile, nowMs());
    return { success: true, profile: profile.id };
  });
}

function shown({ id, fault, arming }: Armed): object {
  return { id, expects: fault.expects, ...arming };
}
