/**
 * The folder of the built files. The command is bundled into files elsewhere in it, so only this module asks where it
 * lies itself: in a folder of that folder, either way.
 */
export const distFolder = new URL("../", import.meta.url);
