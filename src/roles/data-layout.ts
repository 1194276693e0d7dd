// Names inside a data directory; `cli/data-directory.ts` makes the folder itself, its VERSION and its LOCK.

/** Segments of the log and their index files. */
export const LOG_DIRECTORY = "log";
/** Checkpoints of the state. */
export const CHECKPOINT_DIRECTORY = "checkpoints";
/** Compiled byte code: a cache, which may be removed while no node runs. */
export const COMPILED_DIRECTORY = "compiled";
/** The genesis as canonical JSON: what the chain was begun with. */
export const GENESIS_FILE = "genesis.json";
/** The sequencer's private key, readable by its owner alone. */
export const SEQUENCER_KEY_FILE = "sequencer.key";
/** Address of the sequencer that a replica trusts, once it was told or seen. */
export const TRUSTED_SEQUENCER_FILE = "trusted-sequencer";
/** The port that the node listens on while it runs. */
export const PORT_FILE = "port";
/** A snapshot that is being received, and one that is ready to replace log and checkpoints. */
export const BOOTSTRAP_DIRECTORY = "bootstrap";
/** The folders of a data directory that a bootstrap touches. */
export const BOOTSTRAP_FOLDERS = {
  bootstrap: BOOTSTRAP_DIRECTORY,
  log: LOG_DIRECTORY,
  checkpoints: CHECKPOINT_DIRECTORY,
} as const;
