// What is wrong with a part of an answer, as the library's ResponseError takes it. A code that it does not know it cannot make an error of: the whole
// answer would be lost.
import { protocolErrorsCodesById } from '@platformatic/kafka';

const UNKNOWN_SERVER_ERROR = -1;

/** A code that the library does not know is named in the text, with what else the broker said. */
export function toldError(errorCode: number, messages: readonly string[] = []): [code: number, text: string | null] {
  const isKnown = protocolErrorsCodesById[errorCode] !== undefined;
  const text = [...(isKnown ? [] : [`code ${errorCode}`]), ...messages].join('; ');
  return [isKnown ? errorCode : UNKNOWN_SERVER_ERROR, text === '' ? null : text];
}
