"""Create or repair `.venv`, the environment in which the book is built and verified.

Called by make with the system's Python, before every target that needs the environment:

    python3 scripts/bootstrap.py

Standard library only. The syntax is kept to what any Python reads, so that one that is too old can
still say so. A stamp is written when everything else is done; an installation that was interrupted
has none, and is built afresh by the next call.
"""

import hashlib
import importlib
import json
import os
import shutil
import subprocess
import sys

OLDEST = (3, 11)
INPUTS = ("requirements.txt", "requirements-alone.txt", "constraints.txt", "pyproject.toml")


class SetupError(Exception):
    """What went wrong and what to do about it, in one line."""


def check_python(version, executable):
    """Refuse a Python older than `OLDEST`."""
    if tuple(version[:2]) < OLDEST:
        raise SetupError(
            "Python {0}.{1} or newer is needed, but {2} is Python {3}.{4}. Install a newer one "
            "(with its venv module) and name it: make PYTHON=python{0}.{1} book".format(
                OLDEST[0], OLDEST[1], executable, version[0], version[1]
            )
        )


def check_modules(version, executable):
    """Refuse a Python that cannot make environments: Debian ships venv's parts separately."""
    for name in ("venv", "ensurepip"):
        if not importable(name):
            raise SetupError(
                "{0} lacks the module '{1}', which makes environments. Install it, for example: "
                "sudo apt install python{2}.{3}-venv".format(
                    executable, name, version[0], version[1]
                )
            )


def importable(name):
    """Tell whether a module of the standard library is there."""
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def digest(root):
    """Return one hash over the files that decide what is installed."""
    total = hashlib.sha256()
    for name in INPUTS:
        with open(os.path.join(root, name), "rb") as file:
            total.update(hashlib.sha256(file.read()).digest())
    return total.hexdigest()


def wanted_stamp(root):
    """Return the stamp of a finished installation: made by whom, made where, made from what."""
    return {
        "python": "{0}.{1}".format(*sys.version_info[:2]),
        "path": os.path.join(root, ".venv"),
        "inputs": digest(root),
    }


def stamp_path(venv):
    """Return the path of the file that a finished installation leaves."""
    return os.path.join(venv, "stamp.json")


def read_stamp(venv):
    """Return the stamp that `write_stamp` left, or an empty one."""
    try:
        with open(stamp_path(venv)) as file:
            stamp = json.load(file)
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def write_stamp(venv, stamp):
    """Record that the installation is complete; never leaves half a file."""
    part = stamp_path(venv) + ".part"
    with open(part, "w") as file:
        json.dump(stamp, file, indent=1)
    os.replace(part, stamp_path(venv))


def venv_python(venv):
    """Return the path of the environment's interpreter."""
    return os.path.join(venv, "bin", "python")


def starts(python):
    """Tell whether an interpreter exists and runs."""
    try:
        with open(os.devnull, "w") as null:
            command = [python, "-S", "-c", ""]
            return subprocess.call(command, stdout=null, stderr=null) == 0
    except OSError:
        return False


def plan(venv, wanted):
    """Return what is to be done: 'nothing', 'update' or 'build'.

    Build, from scratch: there is no environment, its installation did not finish, its interpreter
    is gone, the folder was moved, or another Python was asked for. Update: the requirements
    changed.
    """
    stamp = read_stamp(venv)
    if (stamp.get("python"), stamp.get("path")) != (wanted["python"], wanted["path"]):
        return "build"
    if not starts(venv_python(venv)):
        return "build"
    return "nothing" if stamp.get("inputs") == wanted["inputs"] else "update"


def say(text):
    """Show one line of progress at once, also where the output is a file."""
    sys.stdout.write("set-up: " + text + "\n")
    sys.stdout.flush()


def run(command, root, failure):
    """Run a command in the project's folder and raise `SetupError(failure)` if it fails."""
    if subprocess.call(command, cwd=root) != 0:
        raise SetupError(failure)


def create(root, venv):
    """Make an empty environment where there was none, or a broken one."""
    check_modules(sys.version_info, sys.executable)
    say("creating .venv with Python {0}.{1}".format(*sys.version_info[:2]))
    if os.path.islink(venv) or os.path.isfile(venv):
        os.unlink(venv)
    elif os.path.isdir(venv):
        shutil.rmtree(venv)
    # The interpreter beneath, should this one itself belong to an environment about to go.
    python = getattr(sys, "_base_executable", None) or sys.executable
    run(
        [python, "-m", "venv", venv],
        root,
        "could not create .venv (the message is above). Is the disk full, or the folder read-only?",
    )


def install(root, venv):
    """Install the pinned requirements, then the project itself in editable mode."""
    pip = [venv_python(venv), "-m", "pip", "--disable-pip-version-check", "install"]
    say("installing the requirements: the first time about 2 GB and some minutes")
    run(
        pip + ["-r", "requirements.txt", "-c", "constraints.txt"],
        root,
        "pip could not install the requirements (its message is above). Check the network, the "
        "free disk space (3 GB) and PIP_INDEX_URL if you set it; then run the same command again",
    )
    run(
        pip + ["--no-deps", "-r", "requirements-alone.txt"],
        root,
        "pip could not install requirements-alone.txt (its message is above): the same remedies",
    )
    say("installing the project")
    run(
        pip + ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--editable", "."],
        root,
        "pip could not install the project itself (its message is above)",
    )


def ensure(root):
    """Bring `.venv` to the state the project asks for; return what had to be done."""
    venv = os.path.join(root, ".venv")
    wanted = wanted_stamp(root)
    todo = plan(venv, wanted)
    if todo == "nothing":
        return todo
    # From here to the last line the environment is unfinished, and known to be.
    if os.path.exists(stamp_path(venv)):
        os.unlink(stamp_path(venv))
    if todo == "build":
        create(root, venv)
    install(root, venv)
    write_stamp(venv, wanted)
    say("done")
    return todo


def main(root):
    """Set up and return the exit status; every failure is one line on standard error."""
    try:
        check_python(sys.version_info, sys.executable)
        ensure(os.path.realpath(root))
    except SetupError as error:
        sys.stderr.write("set-up: {0}\n".format(error))
        return 1
    except EnvironmentError as error:
        sys.stderr.write("set-up: {0}. Remove .venv by hand and try again\n".format(error))
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("set-up: interrupted; run the same command again to go on\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
