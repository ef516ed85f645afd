import enum


class AutoresetMode(enum.Enum):
    SAME_STEP = "the gymnasium's own"


class VectorEnv:
    np_random_seed = None

    def reset(self, *, seed=None, options=None):
        self.np_random_seed = seed
