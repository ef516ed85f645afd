"""What btcai_env asks of Gymnasium, and no more: enough to see that it is used where it is found."""

from . import spaces, vector


class Env:
    metadata = {}
    np_random_seed = None

    def reset(self, *, seed=None, options=None):
        self.np_random_seed = seed
