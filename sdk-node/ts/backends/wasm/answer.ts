/** Successful answers, as the facade takes them. */

import type { Answer, AnswerDetails, AnswerStream } from "../../backend.js";
import type { Done, StreamedRest } from "./drive.js";
import { pairsOf } from "./flat.js";

/** Text above this stays bytes, as it does behind the addon. */
const SMALL = 64 * 1024;
// A byte order mark is not part of what a server says in JSON, and stays part of text.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Text where it is small and UTF-8. */
export function textOrBytes(bytes: Uint8Array): string | Uint8Array {
  if (bytes.length > SMALL) return bytes;
  try {
    return decoder.decode(bytes);
  } catch {
    return bytes;
  }
}

/** An answer that was read. */
export function answerOf(done: Done, body: string | Uint8Array): Answer {
  return { status: done.status, body, details: () => detailsOf(done) };
}

/** An answer that is being read, or one that was and is handed on in one piece. */
export function streamOf(done: Done, rest: StreamedRest | Uint8Array): AnswerStream {
  if (!(rest instanceof Uint8Array)) {
    return { status: done.status, details: () => detailsOf(done), next: () => rest.next(), cancel: () => rest.cancel() };
  }
  let left: Uint8Array | undefined = rest.length === 0 ? undefined : rest;
  const take = (): Uint8Array | undefined => {
    const piece = left;
    left = undefined;
    return piece;
  };
  return { status: done.status, details: () => detailsOf(done), next: () => Promise.resolve(take()), cancel: () => void take() };
}

function detailsOf({ headers, ...rest }: Done): AnswerDetails {
  return { ...rest, headers: pairsOf(headers) };
}
