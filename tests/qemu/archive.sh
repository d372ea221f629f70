# Sourced by fetch.sh and kernel.sh, which set `name` before: the cache, and a private root of apt on the Debian archive, so that
# nothing is installed on this system and no root is needed.

say() { echo "$name: $*" >&2; }
fail() { say "$@"; exit 1; }

cache=${PERMAFROST_CACHE:-${XDG_CACHE_HOME:+$XDG_CACHE_HOME/permafrost}}
cache=${cache:-${HOME:?set HOME or PERMAFROST_CACHE}/.cache/permafrost}/qemu

# Ends the script with the folder $cache/$1 when that has been made before.
found() {
    [ -e "$cache/$1/manifest" ] || return 0
    echo "$cache/$1"
    exit 0
}

# Moves $work/new to $cache/$1, whole; somebody else may have been faster.
keep() {
    mv "$work/manifest" "$work/new/manifest"
    mv -T "$work/new" "$cache/$1" 2>/dev/null || [ -e "$cache/$1/manifest" ] || fail "cannot make $cache/$1"
}

# Fails and says $1, what to install, unless all of the other arguments are programs.
needs() {
    local how=$1 missing= tool
    shift
    for tool; do command -v "$tool" >/dev/null || missing="$missing $tool"; done
    [ -z "$missing" ] || fail "not found:$missing$how"
}

# Makes the folder $work in $1, removed at the end, and in it an apt root for the suites $2: $apt/conf, of the archive $uri.
archive() {
    local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    [ -r $keyring ] || fail "no $keyring; apt-get install debian-archive-keyring (2023.3+deb12u2 or newer, with the keys of trixie)"
    # shellcheck disable=SC1091
    . /etc/os-release
    uri=${DEBIAN_URI:-$(apt-get indextargets --no-release-info --format '$(REPO_URI)' \
        'Created-By: Packages' "Release: ${VERSION_CODENAME:-none}" | sort -u | head -n 1)}
    [ -n "$uri" ] || fail "the apt sources have no entry for ${VERSION_CODENAME:-this system}; set DEBIAN_URI to a Debian mirror"
    mkdir -p "$cache"
    work=$(mktemp -d "$1/.making.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    trap 'exit 1' HUP INT TERM
    apt=$work/apt
    mkdir -p "$apt"/state/lists/partial "$apt"/cache/archives/partial "$apt"/parts.empty "$work"/new
    : > "$apt/status"
    cat > "$apt/debian.sources" <<SOURCES
Types: deb
URIs: $uri
Suites: $2
Components: main
Signed-By: $keyring
SOURCES
    cat > "$apt/conf" <<CONF
Dir::State "$apt/state";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
Dir::Etc::SourceList "$apt/debian.sources";
Dir::Etc::SourceParts "$apt/parts.empty";
Dir::Etc::Preferences "$apt/preferences";
Dir::Etc::PreferencesParts "$apt/parts.empty";
APT::Default-Release "trixie";
APT::Install-Recommends "false";
APT::Install-Suggests "false";
APT::Sandbox::User "";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
CONF
}

# Runs a program; silent unless it fails.
run() {
    "$@" >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; fail "\`$*\` failed; is the archive $uri reachable, and is there space in $work?"; }
}
