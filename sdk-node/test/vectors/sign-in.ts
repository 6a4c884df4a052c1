/** The runner `sign_in`: a sign-in by the public class, whose requests a script answers and whose waits take no time. */

import { inspect } from "node:util";

import { isWaypostError } from "waypost";
import { SignIn, type TokenSet } from "waypost/oauth";

type Json = Record<string, unknown>;

interface Sent {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
}

const VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const STATE = "af0ifjsldkj";

/** The metadata of the server of a case. */
function metadata(issuer: string, changes: Json): Json {
  const at = (path: string): string => `https://auth.example${path}`;
  const usual = {
    issuer,
    authorization_endpoint: at("/oauth/authorize"),
    token_endpoint: at("/oauth/token"),
    device_authorization_endpoint: at("/oauth/device_authorization"),
    authorization_response_iss_parameter_supported: true,
  };
  return Object.fromEntries(Object.entries({ ...usual, ...changes }).filter(([, value]) => value !== null));
}

export async function signIn(input: Json): Promise<Json> {
  const baseUrl = String(input["base_url"] ?? "https://auth.example");
  const discovery = (input["discovery"] ?? [{ json: metadata(baseUrl.replace(/\/$/, ""), (input["metadata"] ?? {}) as Json) }]) as Json[];
  const script = [...discovery, ...(input["answers"] as Json[])];
  const requests: Json[] = [];
  const [progress, waits]: [Json[], number[]] = [[], []];
  let now = 1_700_000_000_000;
  const random = [STATE, VERIFIER];

  class Scripted extends SignIn {
    protected override random(): string {
      return random.pop() ?? "";
    }

    protected override carrier() {
      return {
        now: () => now,
        wait: async (milliseconds: number): Promise<void> => {
          waits.push(milliseconds);
          now += milliseconds;
        },
        send: async (request: Sent) => {
          const form = request.body === undefined ? null : Object.fromEntries(new URLSearchParams(request.body));
          requests.push({ method: request.method, url: request.url, form, authorization: request.headers["authorization"] ?? null });
          const answer = script.shift();
          if (answer === undefined) throw new Error("the script has no further answer");
          if (answer["failure"] !== undefined) return { kind: String(answer["failure"]), sent: answer["bytes_sent"] !== false, message: "as the script has it" };
          const headers = Object.entries((answer["headers"] ?? {}) as Record<string, string>);
          const body = "json" in answer ? JSON.stringify(answer["json"]) : String(answer["body"] ?? "");
          const header = (name: string): string | undefined => headers.find(([given]) => given.toLowerCase() === name)?.[1];
          return { request, status: Number(answer["status"] ?? 200), header, body };
        },
      };
    }
  }

  const outcome: Json = { requests, progress, waits_ms: waits, opened: null };
  const { clientSecret, scope } = { clientSecret: input["client_secret"] as string | undefined, scope: input["scope"] as string | undefined };
  const made = new Scripted({ baseUrl, clientId: String(input["client_id"] ?? "ocl_1"), clientSecret, scope, environment: false });
  try {
    let tokens: TokenSet;
    if (input["flow"] === "device") {
      tokens = await made.withDevice((told) => {
        progress.push({
          user_code: told.userCode,
          verification_uri: told.verificationUri,
          verification_uri_complete: told.verificationUriComplete ?? null,
          expires_at: told.expiresAt,
          polls: told.polls,
          wait_ms: told.waitMs,
        });
      });
    } else {
      const code = await made.begin("http://127.0.0.1:4711/callback");
      outcome["opened"] = code.url;
      tokens = await code.finish(String(input["redirect"]));
    }
    return { ...outcome, result: "ok", tokens: { refresh_token: null, expires_at: null, scope: null, ...(JSON.parse(tokens.serialize()) as Json) }, printed: inspect(tokens) };
  } catch (error) {
    if (!isWaypostError(error)) throw error;
    const { kind, error: word, errorDescription, errorUri, status, message } = error;
    return { ...outcome, result: kind, error: word ?? null, description: errorDescription ?? null, uri: errorUri ?? null, status: status ?? null, message, printed: `${inspect(error)} ${String(error)} ${JSON.stringify(error)}` };
  }
}
