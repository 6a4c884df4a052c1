/** Successful answers, as the facade takes them. */

import type { Answer, AnswerStream } from "../../backend.js";
import type { Landed } from "./drive.js";

/** Text above this stays bytes, as it does behind the addon. */
const SMALL = 64 * 1024;
// A byte order mark is not part of what a server says in JSON, and stays part of text.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Text where it is small and UTF-8. */
function textOrBytes(bytes: Uint8Array): string | Uint8Array {
  if (bytes.length > SMALL) return bytes;
  try {
    return decoder.decode(bytes);
  } catch {
    return bytes;
  }
}

/** An answer that was read, or is read to its end now. */
export function answerOf(landed: Landed): Answer | Promise<Answer> {
  const { status, body, rest, details } = landed;
  return rest === undefined ? { status, body: textOrBytes(body), details } : wholeOf(landed);
}

/** An operation whose answer is a stream, and a caller who wants all of it. */
async function wholeOf(landed: Landed): Promise<Answer> {
  const { status, details } = landed;
  const pieces = streamOf(landed);
  const all: Uint8Array[] = [];
  for (let piece = await pieces.next(); piece !== undefined; piece = await pieces.next()) all.push(piece);
  return { status, body: textOrBytes(joined(all)), details };
}

/** An answer that is being read, or one that was and is handed on in one piece. */
export function streamOf({ status, body, rest, details }: Landed): AnswerStream {
  if (rest !== undefined) return { status, details, next: () => rest.next(), cancel: () => rest.cancel() };
  let left: Uint8Array | undefined = body.length === 0 ? undefined : body;
  const take = (): Uint8Array | undefined => {
    const piece = left;
    left = undefined;
    return piece;
  };
  return { status, details, next: () => Promise.resolve(take()), cancel: () => void take() };
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let place = 0;
  for (const piece of pieces) {
    whole.set(piece, place);
    place += piece.length;
  }
  return whole;
}
