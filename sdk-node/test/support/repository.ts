/** Where the repository is: tests run in a fresh project, beside the installed tarballs, and read vectors and documents from here. */

const given = process.env["WAYPOST_REPOSITORY"];
if (given === undefined) throw new Error("WAYPOST_REPOSITORY is not set; sdk-node/scripts/test sets it");

/** The repository's root. */
export const repository: string = given;
