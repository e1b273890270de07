// Another body under a known id: nobody can say which of the two is meant, so both must be kept, and flagged.
import { defineFault, frames, noOptions } from './fault.ts';
import { rewritten } from './rewrite.ts';

export const idConflict = defineFault({
  name: 'id_conflict',
  does: 'A second frame follows with the same id, and the same number where there is one, and another body.',
  expects: 'two rows, both flagged as a conflict',
  options: noOptions,
  strike: (_, { delivery }) => {
    const other = rewritten(delivery, (members) => ({ ...members, content: `[Conflicting body of ${delivery.id}]` }));
    return frames(delivery, { ...other, isRetained: false, expect: 'conflict' });
  },
});
