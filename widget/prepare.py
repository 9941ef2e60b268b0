"""Builds the chat widget into var/widget/ when its sources changed. Runs under any Python from 3.6 on; needs node and npm."""

import hashlib
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "runtime"))
import bootstrap  # noqa: E402 (standard library only, like this file)

BUILT = os.path.join(os.path.dirname(HERE), "var", "widget")
STAMP = os.path.join(BUILT, "stamp")
MODULES = os.path.join(HERE, "node_modules")


def sources():
    """Every file the build reads."""
    names = [os.path.join(HERE, name) for name in ("build.mjs", "package.json", "package-lock.json")]
    folder = os.path.join(HERE, "src")
    return names + [os.path.join(folder, name) for name in sorted(os.listdir(folder))]


def digest(names):
    total = hashlib.sha256()
    for name in names:
        with open(name, "rb") as file:
            total.update(os.path.basename(name).encode() + b"\0" + file.read())
    return total.hexdigest()


def same(stamp, wanted):
    try:
        with open(stamp) as file:
            return file.read() == wanted
    except OSError:
        return False


def run(command, why):
    if subprocess.call(command, cwd=HERE) != 0:
        sys.exit("Stria could not %s. The command was, in widget/:\n  %s\nThe lines above say why." % (why, " ".join(command)))


def main(arguments):
    """`prepare.py [--dev]`: with --dev also the packages that the browser tests use are there, whether or not anything is built."""
    wanted = digest(sources())
    built = same(STAMP, wanted) and os.path.exists(os.path.join(BUILT, "stria-chat.js"))
    locked = digest([os.path.join(HERE, "package-lock.json")])
    installed = same(os.path.join(MODULES, "stamp"), locked)
    if built and (installed or "--dev" not in arguments):
        return
    bootstrap.install_programs(bootstrap.BUILDERS)
    if bootstrap.missing_packages(bootstrap.BUILDERS):
        print("The website's chat cannot be built without node and npm; everything else still runs.", flush=True)
        sys.exit(1 if "--dev" in arguments else 0)
    if not installed:
        print("Fetching the packages that build the chat widget …", flush=True)
        run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], "fetch the widget's packages")
        with open(os.path.join(MODULES, "stamp"), "w") as file:
            file.write(locked)
    if not built:
        run(["node", "build.mjs", BUILT], "build the chat widget")
        with open(STAMP, "w") as file:
            file.write(wanted)


if __name__ == "__main__":
    main(sys.argv[1:])
