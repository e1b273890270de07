// Requests that are written or read here instead of by the library, which asks for each by its name and calls what it gets.
import { type API, type Callback, UnsupportedApiError } from '@platformatic/kafka';

/** Hands over ours of the version that the library would have used. `ours` is by version. */
export function ourVersion<Request extends unknown[], Response>(
  ours: ReadonlyMap<number, unknown>,
  callback: Callback<API<Request, Response>>,
): Callback<API<Request, Response>> {
  return (error, theirs) => {
    if (error !== null || theirs === undefined) return callback(error, theirs);
    const api = ours.get(theirs.version);
    if (api === undefined)
      callback(new UnsupportedApiError(`version ${theirs.version} is not one of ${[...ours.keys()].join(', ')}`));
    else callback(null, api as API<Request, Response>);
  };
}
