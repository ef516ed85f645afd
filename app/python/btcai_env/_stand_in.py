"""As much of Gymnasium as the environments need where it is not installed: the same names, arguments and meanings."""

import enum

import numpy as np


class AutoresetMode(enum.Enum):
    NEXT_STEP = "NextStep"
    SAME_STEP = "SameStep"
    DISABLED = "Disabled"


class _Space:
    def __init__(self, shape, dtype):
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self._rng = np.random.default_rng()

    def seed(self, seed=None):
        self._rng = np.random.default_rng(seed)

    def __contains__(self, x):
        return self.contains(x)


class Box(_Space):
    """Arrays of floats, each within its bounds, the ends included; both must be finite."""

    def __init__(self, low, high, dtype=np.float32):
        self.low = np.asarray(low, dtype)
        self.high = np.asarray(high, dtype)
        super().__init__(self.low.shape, dtype)

    def sample(self):
        return self._rng.uniform(self.low, self.high).astype(self.dtype)

    def contains(self, x):
        fits = isinstance(x, np.ndarray) and x.dtype == self.dtype and x.shape == self.shape
        return fits and bool(np.all((x >= self.low) & (x <= self.high)))


class Discrete(_Space):
    """0 ... n - 1."""

    def __init__(self, n):
        super().__init__((), np.int64)
        self.n = int(n)

    def sample(self):
        return np.int64(self._rng.integers(self.n))

    def contains(self, x):
        return isinstance(x, (int, np.integer)) and 0 <= x < self.n


class MultiDiscrete(_Space):
    """Arrays of integers, the i-th of 0 ... nvec[i] - 1."""

    def __init__(self, nvec):
        self.nvec = np.asarray(nvec, np.int64)
        super().__init__(self.nvec.shape, np.int64)

    def sample(self):
        return self._rng.integers(self.nvec)

    def contains(self, x):
        fits = isinstance(x, np.ndarray) and x.dtype.kind in "iu" and x.shape == self.shape
        return fits and bool(np.all((x >= 0) & (x < self.nvec)))


class Env:
    spec = None

    def reset(self, *, seed=None, options=None):
        pass

    @property
    def unwrapped(self):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class VectorEnv(Env):
    pass
