"""What is installed here, what an engine lacks and the one command that mends it. No framework is imported for it."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from parity.engines.sheet import Engine, checkout, engine_folder, engines, language_of

PATIENCE = 20.0
"Seconds for R, java and nvidia-smi to answer: they take one at most, and ten have been seen on a cold network disk."

DISTRIBUTIONS = {"tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-intel", "tensorflow-macos", "tf-nightly")}
"Package -> the distributions that provide it, where they have other names."

RPY2_PINS = {"rpy2-rinterface": "3.6.5", "rpy2-robjects": "3.6.4"}
"The newest that work with R older than 4.5."

RPY2_FOR_NEW_R = "3.6.6"
"From this version on, rpy2-rinterface calls functions that R has from 4.5 on."

APT = {
    "R": "r-base-core r-base-dev r-recommended r-bioc-genefilter",
    "genefilter": "r-bioc-genefilter",
    "glmnet": "r-cran-glmnet",
    "ggplot2": "r-cran-ggplot2",
    "Java": "openjdk-17-jre-headless",
}
"What Debian calls the packages that it has and that do not come from PyPI."

CONDA = {"R": "r-base", "Java": "openjdk=17", "genefilter": "bioconductor-genefilter"}

CRAN_PACKAGES = ("LiblineaR", "glmnet", "h2o-r", "keras3", "reticulate")
"R packages that r_scripts/install.R installs."

EXTRAS = {"keras": "keras", "tensorflow": "keras", "jax": "keras", "h2o": "h2o"}
"Python package -> the extra of parity-suite that brings it."

TORCH_INDEX = "https://download.pytorch.org/whl/cpu"

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "XLA_FLAGS")
"Variables that set how many threads a framework uses."

# Base functions only: with R_DEFAULT_PACKAGES=NULL R starts in a tenth of a second.
_R_QUESTIONS = """
values <- c(version = as.character(getRversion()), name = R.version.string, home = R.home(),
  R_SHARE_DIR = Sys.getenv("R_SHARE_DIR"), R_INCLUDE_DIR = Sys.getenv("R_INCLUDE_DIR"),
  R_DOC_DIR = Sys.getenv("R_DOC_DIR"), blas = extSoftVersion()[["BLAS"]], lapack = La_library())
cat(paste(names(values), values, sep = "\\t"), paste("library", .libPaths(), sep = "\\t"), sep = "\\n")
"""


@dataclass(frozen=True, slots=True)
class R:
    """The R that workers will embed."""

    version: str
    name: str
    home: str
    libraries: tuple[str, ...]
    "Its library paths, without parity's own."
    blas: str
    lapack: str
    variables: tuple[tuple[str, str], ...]
    "What its start script sets and an embedding process must set itself."


@dataclass(frozen=True, slots=True)
class Java:
    """The Java that starts H2O's server."""

    version: str
    path: str


@dataclass(frozen=True, slots=True)
class Missing:
    """A package that is absent or outside the tested range."""

    package: str
    found: str | None
    "Version that is installed, None where there is none."
    wanted: str
    "Version range that the suite has been tested with."
    cost: str
    "What does not run, or what is not certain, without it."
    mend: str
    "The one shell command that mends it."
    blocking: bool = True
    "False where the engine runs all the same: a version newer than the tested ones."


@functools.cache
def r() -> R | None:
    """The R of $R_HOME or of the search path; None where there is none or it does not start. One call a process."""
    home = os.environ.get("R_HOME")
    command = (shutil.which(str(Path(home, "bin", "Rscript"))) if home else None) or shutil.which("Rscript")
    if command is None:
        return None
    variables = {**os.environ, "R_DEFAULT_PACKAGES": "NULL"}
    text = _output([command, "--no-site-file", "--no-init-file", "-e", _R_QUESTIONS], variables)
    answers = [line.split("\t", 1) for line in (text or "").splitlines() if "\t" in line]
    values = {name: value for name, value in answers if name != "library"}
    if "version" not in values:
        return None
    return R(
        version=values["version"],
        name=values["name"],
        home=values["home"],
        libraries=tuple(value for name, value in answers if name == "library"),
        blas=values["blas"],
        lapack=values["lapack"],
        variables=tuple((name, value) for name, value in values.items() if name.startswith("R_") and value),
    )


def r_library() -> Path:
    """Folder of the R packages that parity installs for itself; it need not exist."""
    if given := os.environ.get("PARITY_R_LIBRARY"):
        return Path(given).expanduser().absolute()
    if root := checkout():
        return root / ".r-library"
    from platformdirs import user_data_path

    found = r()
    series = ".".join(found.version.split(".")[:2]) if found else "none"
    return user_data_path("parity") / f"r-library-{series}"


def r_environ() -> dict[str, str]:
    """Environment variables for a process that embeds R; empty where there is no R.

    Java needs none: H2O's server is started by `java()`, and JAVA_HOME, where set, is inherited.
    """
    found = r()
    if found is None:
        return {}
    paths = [str(r_library()), *filter(None, os.environ.get("R_LIBS", "").split(os.pathsep)), *found.libraries]
    variables = {
        **dict(found.variables),
        "R_HOME": found.home,
        "R_LIBS": os.pathsep.join(dict.fromkeys(paths)),
        # R must bind the interpreter that it is embedded in, not one that reticulate would look for or install.
        "RETICULATE_PYTHON": sys.executable,
    }
    # R's packages are linked to libR.so by name. R's own script also adds the system's folder and Java's, which would
    # take precedence over the libraries that Python wheels carry.
    if Path(found.home, "lib", "libR.so").exists():
        inherited = filter(None, os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep))
        folders = dict.fromkeys([str(Path(found.home, "lib")), *inherited])
        variables["LD_LIBRARY_PATH"] = os.pathsep.join(folders)
    if jar := h2o_jar():
        variables["H2O_JAR_PATH"] = str(jar)
    return variables


@functools.cache
def java() -> Java | None:
    """The Java of $JAVA_HOME or of the search path; None where there is none or it does not start."""
    home = os.environ.get("JAVA_HOME")
    command = (shutil.which(str(Path(home, "bin", "java"))) if home else None) or shutil.which("java")
    text = _output([command, "-version"]) if command else None
    match = re.search(r'version "([^"]+)"', text or "")
    return Java(version=match[1], path=str(command)) if match else None


def h2o_jar() -> Path | None:
    """H2O's server: $H2O_JAR_PATH where it names a file, else the jar in the Python package h2o."""
    given = os.environ.get("H2O_JAR_PATH")
    if given and Path(given).is_file():
        return Path(given).absolute()
    package = importlib.util.find_spec("h2o")
    for folder in (package.submodule_search_locations or []) if package else []:
        jar = Path(folder, "backend", "bin", "h2o.jar")
        if jar.is_file():
            return jar
    return None


def python_version(package: str) -> str | None:
    """Version of an installed Python package, read from its metadata; None where it is absent."""
    for distribution in DISTRIBUTIONS.get(package, (package,)):
        try:
            return importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


def r_package_version(package: str) -> str | None:
    """Version of an installed R package, read from its DESCRIPTION; None where it is absent or there is no R."""
    found = r()
    name = package.removesuffix("-r")
    for library in (str(r_library()), *found.libraries) if found else ():
        try:
            text = Path(library, name, "DESCRIPTION").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        if match := re.search(r"^Version:\s*(\S+)", text, re.MULTILINE):
            return match[1]
    return None


def versions(engine: Engine) -> dict[str, str | None]:
    """Version of everything that the engine needs, None for what is absent."""
    found = {package: _version(engine, package) for package in engine.packages}
    if engine.language == "R":
        found |= {package: python_version(package) for package in RPY2_PINS}
    return found


def missing(engine: Engine) -> list[Missing]:
    """What keeps the engine from running (blocking) or makes its results less certain, in the sheet's order."""
    gaps = [_gap(engine, package, wanted) for package, wanted in engine.packages.items()]
    if engine.language == "R":
        gaps.append(rpy2_gap())
    return [gap for gap in gaps if gap]


def rpy2_gap() -> Missing | None:
    """What is wrong with rpy2 for this R. Nothing imports rpy2 for it: the wrong one would not survive the import."""
    found = r()
    if found is None:
        return None
    new_r = comparable(found.version) >= Version("4.5")
    pins = {name: "" if new_r else f"=={pin}" for name, pin in RPY2_PINS.items()}
    installed = {name: python_version(name) for name in RPY2_PINS}
    wrong = [name for name, version in installed.items() if version is None]
    interface = installed["rpy2-rinterface"]
    if interface and not new_r and comparable(interface) >= Version(RPY2_FOR_NEW_R):
        wrong.insert(0, "rpy2-rinterface")
    if not wrong:
        return None
    return Missing(
        package=wrong[0],
        found=installed[wrong[0]],
        wanted=f"{pins[wrong[0]]} (for R {found.version})".strip(),
        cost=_cost([one.id for one in engines().values() if one.language == "R"]),
        mend=pip_command(*(f"{name}{pin}" for name, pin in pins.items())),
    )


def pip_command(*requirements: str) -> str:
    """The shell command that installs requirements into the environment that parity runs in."""
    return shlex.join([_relative(sys.executable), "-m", "pip", "install", *requirements])


def system_command(package: str) -> str:
    """The shell command that installs R, Java or an R package of APT; in a checkout also what depends on R."""
    if not shutil.which("apt-get"):
        return f"conda install -c conda-forge {CONDA.get(package, f'r-{package}')}"
    as_root = "" if hasattr(os, "geteuid") and os.geteuid() == 0 else "sudo "
    command = f"{as_root}apt-get install -y {APT[package]}"
    if package == "Java" and java():
        # The older or newer one stays the one on the search path.
        return f"{command} && export JAVA_HOME=/usr/lib/jvm/java-17-openjdk-$(dpkg --print-architecture)"
    return f"{command} && {set_up}" if package == "R" and (set_up := set_up_command()) else command


def set_up_command() -> str:
    """The shell command that sets up the checkout whose .venv parity runs in; empty where it runs elsewhere."""
    root = checkout()
    if not root or Path(sys.prefix) != root / ".venv":
        return ""
    return "make setup" if Path.cwd() == root else shlex.join(["make", "-C", str(root), "setup"])


def install_r_command() -> str:
    """The shell command that installs the R packages of CRAN that engines need."""
    # install.R finds the jar in a checkout's .venv. Where Python's h2o is missing, it is where it will be.
    jar = h2o_jar() or Path(sysconfig.get_path("purelib"), "h2o", "backend", "bin", "h2o.jar")
    script = engine_folder("R") / "install.R"
    return ("" if checkout() else f"H2O_JAR_PATH={shlex.quote(str(jar))} ") + shlex.join(
        ["Rscript", _relative(str(script)), _relative(str(r_library()))]
    )


def comparable(version: str) -> Version:
    """A version of Python, R or Java that can be compared; R's 2.10-24 is 2.10.24, and Java's 1.8 is 8."""
    text = re.sub(r"^1\.(\d+)\.0_", r"\1.0.", version).replace("-", ".")
    try:
        return Version(text)
    except InvalidVersion:
        return Version(".".join(re.findall(r"\d+", text)) or "0")


def describe() -> dict[str, Any]:
    """The environment as plain data for reports."""
    found, server, jar = r(), java(), h2o_jar()
    packages = {name: version for one in engines().values() for name, version in versions(one).items()}
    packages |= {name: python_version(name) for name in ("numpy", "scipy", "pandas", *RPY2_PINS)}
    return {
        "date": time.strftime("%Y-%m-%d"),
        "parity": python_version("parity-suite"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "packages": {name: version for name, version in sorted(packages.items()) if name not in ("R", "Java")},
        "r": found and {"version": found.version, "name": found.name, "home": found.home},
        "blas": {"r": found and found.blas, "r_lapack": found and found.lapack, "numpy": _numpy_blas()},
        "java": server and server.version,
        "h2o": {"build": python_version("h2o"), "jar": jar and str(jar)},
        "gpu": list(gpus()),
        "threads": {name: os.environ[name] for name in THREADS if name in os.environ},
    }


@functools.cache
def gpus() -> tuple[str, ...]:
    """Name, driver and memory of each NVIDIA GPU."""
    command = shutil.which("nvidia-smi")
    question = ["--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    return tuple((_output([command, *question]) or "").splitlines()) if command else ()


def _version(engine: Engine, package: str) -> str | None:
    if language_of(engine, package) == "system":
        found: R | Java | None = r() if package == "R" else java()
        return found.version if found else None
    return r_package_version(package) if language_of(engine, package) == "R" else python_version(package)


def _gap(engine: Engine, package: str, wanted: str) -> Missing | None:
    found = _version(engine, package)
    # Without R its packages cannot be looked for; that R is missing says it all.
    if found is None and language_of(engine, package) == "R" and r() is None:
        return None
    cost = _cost([one.id for one in engines().values() if package in one.packages])
    if found is not None:
        # A range of Java versions speaks of releases: 17.0.15 is a 17.
        version = Version(str(comparable(found).major)) if package == "Java" else comparable(found)
        if SpecifierSet(wanted).contains(version, prereleases=True):
            return None
        # H2O's server refuses to start on a Java that it does not know.
        newer = all(version >= Version(part.version) for part in SpecifierSet(wanted))
        if newer and "==" not in wanted and package != "Java":
            cost = f"{engine.id} runs, with a version newer than any that the suite has been tested with"
            return Missing(package, found, wanted, cost, _mend(engine, package, wanted), blocking=False)
    return Missing(package, found, wanted, cost, _mend(engine, package, wanted))


def _cost(engine_ids: list[str]) -> str:
    *others, last = engine_ids
    return f"{', '.join(others)} and {last} do not run" if others else f"{last} does not run"


def _mend(engine: Engine, package: str, wanted: str) -> str:
    found = r()
    if package in ("R", "Java") or (package in APT and found and found.home.startswith("/usr/lib/R")):
        return system_command(package)
    if language_of(engine, package) == "R":
        if package in CRAN_PACKAGES:
            return install_r_command()
        # genefilter is a package of Bioconductor, and BiocManager also installs what is on CRAN.
        code = f'install.packages("BiocManager"); BiocManager::install("{package}", lib = "{r_library()}")'
        return shlex.join(["Rscript", "-e", code])
    if package == "torch":
        return f"{pip_command(f'torch{wanted}')} --index-url {TORCH_INDEX}"
    if package in EXTRAS and python_version(package) is None:
        return set_up_command() or pip_command(f"{checkout() or 'parity-suite'}[{EXTRAS[package]}]")
    return pip_command(f"{package}{wanted}")


def _relative(path: str) -> str:
    """The path as a user in the checkout would type it."""
    root = checkout()
    return os.path.relpath(path, root) if root and Path.cwd() == root and Path(path).is_relative_to(root) else path


def _numpy_blas() -> str | None:
    import numpy

    blas = numpy.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"{blas.get('name')} {blas.get('version')}"


def _output(command: list[str], variables: dict[str, str] | None = None) -> str | None:
    """What a short command prints on either stream (java answers on the second); None where it fails."""
    try:
        done = subprocess.run(command, env=variables, timeout=PATIENCE, capture_output=True, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return (done.stdout + done.stderr).decode(errors="replace")
