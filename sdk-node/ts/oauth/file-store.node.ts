/**
 * Tokens in a file that only its owner can read.
 *
 * @module
 */

import { randomUUID } from "node:crypto";
import { open, readFile, rename, rm } from "node:fs/promises";

import { errorFrom, type WaypostError } from "../errors.js";
import { TokenSet, type TokenStore } from "./token-set.js";

/** The bits by which others than the owner get at a file. */
const OTHERS = 0o077;

/**
 * Keeps tokens in a file of mode 0600. It is written whole beside the old one and renamed, so that no reader sees half of it. A file that others can read is
 * refused: its tokens may be known to them.
 */
export class FileTokenStore implements TokenStore {
  /** Where the file is. */
  readonly path: string;

  /** The file need not be there; its folder must. */
  constructor(path: string) {
    this.path = path;
  }

  async load(): Promise<TokenSet | undefined> {
    const file = await open(this.path, "r").catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw mistake(`the token file ${this.path} cannot be read`, error);
    });
    if (file === undefined) return undefined;
    try {
      const { mode } = await file.stat();
      // Windows has no such bits: every file looks as if all could read it.
      if (process.platform !== "win32" && (mode & OTHERS) !== 0) {
        throw mistake(`the token file ${this.path} can be read by others (mode ${(mode & 0o777).toString(8)}); sign in again if they may have, then run \`chmod 600\` on it`);
      }
      return TokenSet.parse(await readFile(file, "utf8"));
    } finally {
      await file.close();
    }
  }

  async save(tokens: TokenSet): Promise<void> {
    const beside = `${this.path}.${randomUUID()}.tmp`;
    try {
      const file = await open(beside, "wx", 0o600);
      try {
        await file.writeFile(tokens.serialize());
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(beside, this.path);
    } catch (error) {
      await rm(beside, { force: true });
      throw mistake(`the token file ${this.path} cannot be written`, error);
    }
  }

  async clear(): Promise<void> {
    await rm(this.path, { force: true });
  }
}

function mistake(message: string, cause?: unknown): WaypostError {
  const why = cause instanceof Error ? `: ${cause.message}` : "";
  return errorFrom({ kind: "config", message: message + why, attempts: [] }, cause === undefined ? undefined : { cause });
}
