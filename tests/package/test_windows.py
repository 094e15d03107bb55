"""What Windows lacks or does otherwise, as far as it can be shown on another system."""

import subprocess
import sys

import pytest

POSIX_ONLY = ["fcntl", "grp", "pwd", "resource", "termios"]
OS_NAMES = ["O_NOFOLLOW", "O_TMPFILE", "fchmod", "fchown", "fork", "getuid", "register_at_fork", "sysconf"]

WINDOWS = f"""
import fcntl, os, pathlib, sys, types
import joblib, numpy, soundfile, soxr, tqdm.auto

msvcrt = types.ModuleType("msvcrt")
msvcrt.LK_NBLCK = 2

def locking(descriptor, mode, bytes):
    assert (mode, bytes) == (msvcrt.LK_NBLCK, 1)
    try:
        flock(descriptor, 6)
    except BlockingIOError:
        raise PermissionError(13, "Permission denied") from None

def free(name, does):        # no file that is open is renamed or removed there
    def checked(path, *arguments, **options):
        there = [os.path.realpath(f"/proc/self/fd/{{number}}") for number in os.listdir("/proc/self/fd")]
        if os.path.realpath(path) in there:
            raise PermissionError(13, "Permission denied", str(path))
        return does(path, *arguments, **options)
    setattr(pathlib.Path, name, checked)

flock = fcntl.flock
msvcrt.locking = locking
free("replace", pathlib.Path.replace)
free("unlink", pathlib.Path.unlink)
sys.modules |= dict.fromkeys({POSIX_ONLY}) | {{"msvcrt": msvcrt}}
for name in {OS_NAMES}:
    if hasattr(os, name):
        delattr(os, name)
soundfile._sys = types.SimpleNamespace(**vars(sys))      # its library is of this system
sys.platform = "win32"
import wavenetlite as wl
from wavenetlite.support.atomic_files import replacing
from wavenetlite.support.file_locks import lock
"""


def on_windows(code, folder):
    """What a script prints in an interpreter without what Windows lacks."""
    done = subprocess.run(
        [sys.executable, "-c", WINDOWS + code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.fixture(autouse=True)
def _on_linux():
    if sys.platform != "linux":
        pytest.skip("open files are found in /proc")


def test_files_are_replaced_once_they_are_complete(tmp_path):
    (tmp_path / ".wavenetlite-0.tmp").write_text("left by a process that was killed")
    names = on_windows(
        """
try:
    with replacing("a") as file:
        file.write(b"half")
        raise ValueError
except ValueError:
    assert not os.path.exists("a")
for text in (b"first", b"second"):
    with replacing("a") as file:
        file.write(text)
        with replacing("b") as other:       # at the same time
            other.write(text)
        print(*os.listdir())
    assert pathlib.Path("a").read_bytes() == pathlib.Path("b").read_bytes() == text
print(*os.listdir())
""",
        tmp_path,
    )
    assert set(names[-2:]) == {"a", "b"} and names.count(".wavenetlite-0.tmp") == 2


def test_a_lock_is_seen_by_others_and_moves_nothing(tmp_path):
    said = on_windows(
        """
with open("a", "w+b") as one, open("a", "r+b") as two:
    one.write(b"word")
    one.flush()
    lock(one.fileno())
    print(os.lseek(one.fileno(), 0, os.SEEK_CUR), os.path.getsize("a"))
    try:
        lock(two.fileno())
    except BlockingIOError:
        print("refused")
lock(os.open("a", os.O_RDWR))
""",
        tmp_path,
    )
    assert said == ["4", "4", "refused"]


def test_models_audio_pools_and_feature_sets(tmp_path):
    said = on_windows(
        """
model = wl.TCN(40, 3, channels=8, kernel_size=3, dilations=[1, 2], seed=0)
for _ in range(2):
    model.save("m.wnl")
y = numpy.sin(numpy.arange(16000, dtype=numpy.float32))
os.mkdir("corpus")
for name in ("one", "two"):
    os.mkdir(f"corpus/{name}")
    wl.audio.write(f"corpus/{name}/ö.flac", y, 16000)
pool = wl.load("m.wnl").pool(capacity=4, threads=2)
sid = pool.open()
x = wl.LogMel()(y)
print((pool.process({sid: x})[sid] == model(x)).all())
for _ in range(2):
    done = wl.pipeline.extract("corpus", "features", features=wl.LogMel(), n_jobs=1)
print(done.items, *sorted(item.key for item in wl.pipeline.open("features")))
with open("features/.parts/lock", "r+b") as held:
    lock(held.fileno())
    try:
        wl.pipeline.extract("corpus", "features", features=wl.LogMel(), n_jobs=1)
    except wl.WavenetliteError as error:
        print("another extraction" in str(error))
""",
        tmp_path,
    )
    assert said == ["True", "2", "one/ö.flac", "two/ö.flac", "True"]
