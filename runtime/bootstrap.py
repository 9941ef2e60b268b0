"""Prepares a fresh machine: finds a Python 3.10 that really starts, fetches uv into the project, installs the locked packages.

For the tests (`--dev`) it also installs, from Debian's packages, the servers and the browser that they start themselves.

Runs under any Python from 3.6 on, with nothing but the standard library. A second run takes well under a second.
"""

import glob
import hashlib
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")
UV_HOME = os.path.join(ROOT, ".uv")
UV = os.path.join(UV_HOME, "bin", "uv")
WANTED = "3.10"

# What the tests start themselves: any one of the programs, and the Debian package that brings it.
SERVERS = (
    (("redis-server",), "redis-server"),
    (("postgres",), "postgresql"),
    (("nginx",), "nginx-light"),
    (("chromium", "chromium-browser", "google-chrome"), "chromium"),
)
# What builds the website's chat.
BUILDERS = ((("node",), "nodejs"), (("npm",), "npm"))
POLICY = "/usr/sbin/policy-rc.d"  # Debian asks this file before it starts a service


def starts(python):
    """True if `python` runs and is a Python 3.10. A shim that only prints an error does not."""
    code = "import sys, ssl, sqlite3, venv; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and done.stdout.decode().strip() == WANTED


def find_python():
    """A Python 3.10 of this machine: $PYTHON310, every python3.10 on PATH, pyenv's; None if no one starts."""
    candidates = [os.environ.get("PYTHON310")]
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        candidates.append(os.path.join(folder, "python3.10"))
        if os.path.basename(folder) == "shims":  # pyenv, wherever it lives: what its shims would start
            candidates += sorted(glob.glob(os.path.join(os.path.dirname(folder), "versions", "3.10*", "bin", "python")), reverse=True)
    candidates += sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/3.10*/bin/python")), reverse=True)
    candidates += [sys.executable]
    for candidate in candidates:
        if candidate and os.path.exists(candidate) and starts(candidate):
            return candidate
    return None


def run(command, why):
    """Run a command; on failure end with what was tried and what to do."""
    if subprocess.call(command, cwd=ROOT) != 0:
        sys.exit("Stria could not %s. The command was:\n  %s\nThe lines above say why; the project folder is otherwise unchanged." % (why, " ".join(command)))


def fetch_uv():
    """Install the locked uv into .uv/, without touching the machine's own packages."""
    lock = os.path.join(ROOT, "requirements-uv.txt")
    if os.path.exists(UV) and stamp_is(os.path.join(UV_HOME, "stamp"), lock):
        return
    print("Fetching uv into .uv/ …", flush=True)
    shutil.rmtree(UV_HOME, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes", "-r", lock]
    if subprocess.call([sys.executable, "-m", "venv", UV_HOME], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0:
        pip[0] = os.path.join(UV_HOME, "bin", "python")
        run(pip, "install uv")
    else:  # Debian without python3-venv
        shutil.rmtree(UV_HOME, ignore_errors=True)
        run([*pip, "--target", UV_HOME], "install uv")
    write_stamp(os.path.join(UV_HOME, "stamp"), lock)


def digest(*files):
    """Content hash of files."""
    total = hashlib.sha256()
    for name in files:
        with open(name, "rb") as file:
            total.update(file.read())
    return total.hexdigest()


def stamp_is(stamp, *files):
    try:
        with open(stamp) as file:
            return file.read() == digest(*files)
    except OSError:
        return False


def write_stamp(stamp, *files):
    with open(stamp, "w") as file:
        file.write(digest(*files))


def program(*names):
    """Full path of the first of these programs that the machine has, or None. Debian keeps PostgreSQL's outside PATH."""
    folders = [*os.environ.get("PATH", "").split(os.pathsep), "/usr/bin", "/usr/sbin", "/usr/local/bin"]
    folders += sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)
    for name in names:
        found = shutil.which(name, path=os.pathsep.join(folders))
        if found:
            return found
    return None


def missing_packages(programs=SERVERS):
    """Debian packages of these programs that this machine lacks."""
    return [package for names, package in programs if program(*names) is None]


def how_to_install(packages):
    """A sentence for whoever has to do it by hand."""
    return "Stria uses %s here and this machine lacks them. Install them with:  sudo apt-get install %s" % (", ".join(packages), " ".join(packages))


def install_programs(programs):
    """Install what this machine lacks of them, without starting any server. Says what to do where it cannot; everything else still runs."""
    packages = missing_packages(programs)
    if not packages:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        print(how_to_install(packages), flush=True)
        return
    print("Installing %s (this machine lacks them) …" % ", ".join(packages), flush=True)
    held_back = not os.path.exists(POLICY)
    if held_back:
        with open(POLICY, "w") as file:
            file.write("#!/bin/sh\nexit 101\n")
        os.chmod(POLICY, 0o755)
    try:
        environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0"]
        for command in ([*apt, "update"], [*apt, "install", "--yes", "--no-install-recommends", *packages]):
            done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            print(done.stdout.decode(errors="replace")[-2000:])
            print("apt-get failed. " + how_to_install(packages), flush=True)
    finally:
        if held_back:
            os.remove(POLICY)


def main(arguments):
    """`bootstrap.py [--dev]`: with --dev also what tests and checks need."""
    if "--dev" in arguments:
        install_programs(SERVERS)
    locks = [os.path.join(ROOT, "requirements-dev.txt" if "--dev" in arguments else "requirements.txt")]
    stamp = os.path.join(VENV, "stamp")
    both = [os.path.join(ROOT, "requirements-dev.txt")]
    if os.path.exists(PYTHON) and (stamp_is(stamp, *locks) or stamp_is(stamp, *both)) and starts(PYTHON):
        return
    fetch_uv()
    if not (os.path.exists(PYTHON) and starts(PYTHON)):
        python = find_python()
        if python is None:
            print("No Python 3.10 starts on this machine; asking uv for one …", flush=True)
        run([UV, "venv", "--quiet", "--clear", "--python", python or WANTED, VENV], "make a Python 3.10 environment (set PYTHON310 to one that starts)")
    print("Installing the locked packages (the first time takes about a minute) …", flush=True)
    run([UV, "pip", "sync", "--quiet", "--require-hashes", "--python", PYTHON, *locks], "install the packages")
    write_stamp(stamp, *locks)


if __name__ == "__main__":
    main(sys.argv[1:])
