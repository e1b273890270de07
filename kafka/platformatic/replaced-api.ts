// Requests that are written or read here instead of by the library, which asks for each by its name and calls what it gets.
import { type API, type Callback, UnsupportedApiError } from '@platformatic/kafka';

/** By the library's name of the request, then by version. */
export type OurApis = Readonly<Partial<Record<string, ReadonlyMap<number, unknown>>>>;

/** Hands over ours of the version that the library would have used, where there is one of that name. */
export function ourVersion<Request extends unknown[], Response>(
  apis: OurApis,
  name: string,
  callback: Callback<API<Request, Response>>,
): Callback<API<Request, Response>> {
  const ours = apis[name];
  if (ours === undefined) return callback;
  return (error, theirs) => {
    if (error !== null || theirs === undefined) return callback(error, theirs);
    const api = ours.get(theirs.version);
    if (api === undefined)
      callback(
        new UnsupportedApiError(`version ${theirs.version} of ${name} is not one of ${[...ours.keys()].join(', ')}`),
      );
    else callback(null, api as API<Request, Response>);
  };
}
