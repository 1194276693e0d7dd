# Sourced by scripts/start and scripts/test: brings the pinned dependencies and the pinned Bun, with nothing but Node and npm at hand.
# After it, $bun is the path of Bun's own executable. Costs one file comparison when nothing has changed.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
bun="$root/node_modules/@oven/bun-linux-x64/bin/bun"
installed_lock="$root/node_modules/.installed-package-lock.json"

say() { printf '%s\n' "$*" >&2; }

if [[ ! -x $bun || ! -f $installed_lock || "$(<package-lock.json)" != "$(<"$installed_lock")" ]]; then
  if ! command -v npm >/dev/null; then
    say "npm is needed to install the pinned dependencies: install Node 18 or newer"
    exit 1
  fi
  say "installing the pinned dependencies (once for each package-lock.json) ..."
  if ! npm_config_update_notifier=false npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2; then
    say "npm ci failed. If it says that package.json and package-lock.json are not in sync, run: bun scripts/lock.ts"
    exit 1
  fi
  if [[ ! -x $bun ]]; then
    say "no Bun for this machine: the pinned package holds the one for Linux on x86-64 with glibc"
    exit 1
  fi
  cp package-lock.json "$installed_lock"
fi
