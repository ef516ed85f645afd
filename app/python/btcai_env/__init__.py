"""The trading environment of the BTC-AI Workbench for Python, in the sense of Gymnasium.

    from btcai_env import TradingEnv
    env = TradingEnv("btcusd-5m.csv.gz", {"account.allow_short": True})
    observation, info = env.reset(seed=1)
    observation, reward, terminated, truncated, info = env.step(env.action_space.sample())

Where Gymnasium (1.1 or newer) is installed, TradingEnv is a gymnasium.Env and VectorTradingEnv a gymnasium.vector.VectorEnv; without it
both are the same but for small spaces of their own.

Observation, float32: the features of the bar at whose close the decision is taken (`feature_names`; those that features.select chooses,
normalised by the training part, within +-5), then the private state of the account: one-hot of the action that changes nothing (3), position
value over equity, gain of the position, its age, drawdown, return of the episode, whether the bar is missing, the share of the order
that waits; by account.actions and goal.in_state some more (env/TradingEnv.h has the scales).
Actions: 0 flat, 1 long, 2 short (where account.allow_short) as the position aimed at; with account.actions "orders" 0 hold, 1 buy, 2 sell.
Info: `equity` in quote currency; `episode_return`, the log return of the episode without deposits and withdrawals; `row` of the data; `time`,
the close of its bar in UTC seconds.

Episodes end by ruin (terminated) or after account.episode_bars (truncated). A seed decides everything: the environment with it and the
same actions gives the same numbers as the C++ class. Bad configurations, data and actions raise ValueError.
"""

import importlib.util
import operator
import os

import numpy as np

from ._btcai_env import EnvSession

if importlib.util.find_spec("gymnasium") is None:
    from ._stand_in import AutoresetMode, Box, Discrete, Env, MultiDiscrete, VectorEnv
else:
    from gymnasium import Env
    from gymnasium.spaces import Box, Discrete, MultiDiscrete
    from gymnasium.vector import AutoresetMode, VectorEnv

__all__ = ["TradingEnv", "VectorTradingEnv"]


def _field_text(key, value):
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (str, os.PathLike)):
        return os.fspath(value)
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        return repr(float(value))
    raise TypeError(f"{key}: a {type(value).__name__} is no value of a field; give a bool, a number or a text")


class _Episodes:
    """What the single and the vectorised environment share: a session, its seeds and its life."""

    render_mode = None

    def _open(self, data, fields, config, part, num_envs, accounts_per_stretch, threads, whole_part):
        overrides = dict(fields or {})
        if data is not None:
            overrides["data"] = data
        self._session = EnvSession(
            config="" if config is None else os.fspath(config),
            overrides=[(key, _field_text(key, value)) for key, value in overrides.items()],
            part=part,
            num_envs=num_envs,
            accounts_per_stretch=accounts_per_stretch,
            threads=threads,
            whole_part=whole_part,
        )
        self._seeds = None
        self.feature_names = self._session.feature_names

    def _opened(self):
        if self._session is None:
            raise RuntimeError("this environment is closed")
        return self._session

    def _reset_session(self, seed, options):
        """With a seed: the episodes that it names. Without: others each time, by the latest seed given."""
        session = self._opened()
        if options:
            raise ValueError(f"reset takes no options here, but got {sorted(options)}")
        if seed is not None:
            seed = operator.index(seed)
            if not 0 <= seed < 2**64:
                raise ValueError(f"seed = {seed}: must be 0 to 2**64 - 1")
        if seed is not None or self._seeds is None:
            self._seeds = np.random.default_rng(seed)
        session.reset(int(self._seeds.integers(2**63)) if seed is None else seed)
        super().reset(seed=seed)
        return session

    def render(self):
        return None

    def close(self, **_):
        self._session = None
        self.closed = True


class TradingEnv(_Episodes, Env):
    """One account. After an episode has ended, reset must be called.

    data: a file of bars or a stored series; beside or instead of the field "data".
    fields: a mapping of fields of a run, {"account.initial_cash": 5000.0}; `btcai train --help` lists them.
    config: path of a run.toml, which the fields override.
    part: "train", "validation" or "test" of the data, as the fields split.* cut them.
    whole_part: one episode from the part's first bar to its last; else episodes start anywhere in it and last account.episode_bars.
    """

    metadata = {"render_modes": []}

    def __init__(self, data=None, fields=None, *, config=None, part="train", whole_part=False):
        self._open(data, fields, config, part, 1, 1, 1, whole_part)
        session = self._session
        self.observation_space = Box(session.low, session.high, dtype=np.float32)
        self.action_space = Discrete(session.action_count)
        self._is_over = True

    def reset(self, *, seed=None, options=None):
        session = self._reset_session(seed, options)
        self._is_over = False
        return self._observation(), self._info(session.info())

    def step(self, action):
        session = self._opened()
        if self._is_over:
            raise RuntimeError("the episode has ended or has not begun; call reset first")
        rewards, terminated, truncated = session.step(np.array([operator.index(action)], dtype=np.int64))
        self._is_over = bool(terminated[0] or truncated[0])
        if self._is_over:
            _, observations, infos = session.ended()
            observation = observations[0]
        else:
            observation, infos = self._observation(), session.info()
        return observation, float(rewards[0]), bool(terminated[0]), bool(truncated[0]), self._info(infos)

    def _observation(self):
        observation = np.empty(self.observation_space.shape, np.float32)
        self._session.observe(observation)
        return observation

    @staticmethod
    def _info(arrays):
        return {key: array[0].item() for key, array in arrays.items()}


class VectorTradingEnv(_Episodes, VectorEnv):
    """Many accounts, stepped together by the C++ class; arguments as those of TradingEnv.

    AutoresetMode.SAME_STEP: a lane that ended starts its next episode within the same step; the observation is that one's first, and
    info["final_obs"] and info["final_info"] hold how the last one ended, for the lanes of the mask info["_final_obs"]. An account that
    is ruined starts anew at its stretch's present bar; a stretch of market is cut for all its accounts at once.

    num_envs: accounts, in groups of accounts_per_stretch that stand at the same bar.
    threads: that step the stretches; results do not depend on it.
    copy: False writes every observation into the same array, valid until the next step.
    """

    metadata = {"render_modes": [], "autoreset_mode": AutoresetMode.SAME_STEP}

    def __init__(
        self, num_envs, data=None, fields=None, *, config=None, part="train", whole_part=False, accounts_per_stretch=1, threads=1, copy=True
    ):
        self._open(data, fields, config, part, num_envs, accounts_per_stretch, threads, whole_part)
        session = self._session
        self.num_envs = num_envs
        self.single_observation_space = Box(session.low, session.high, dtype=np.float32)
        self.single_action_space = Discrete(session.action_count)
        self.observation_space = Box(np.tile(session.low, (num_envs, 1)), np.tile(session.high, (num_envs, 1)), dtype=np.float32)
        self.action_space = MultiDiscrete(np.full(num_envs, session.action_count))
        self._place = None if copy else np.empty((num_envs, session.observation_size), np.float32)
        self._has_begun = False

    def reset(self, *, seed=None, options=None):
        session = self._reset_session(seed, options)
        self._has_begun = True
        return self._observation(), self._masked(session.info(), np.ones(self.num_envs, bool))

    def step(self, actions):
        session = self._opened()
        if not self._has_begun:
            raise RuntimeError("call reset first")
        actions = np.asarray(actions)
        if actions.shape != (self.num_envs,) or actions.dtype.kind not in "iu":
            raise ValueError(f"actions: must be {self.num_envs} integers, not {actions.dtype} of shape {actions.shape}")
        rewards, terminated, truncated = session.step(np.ascontiguousarray(actions, np.int64))
        info = self._masked(session.info(), np.ones(self.num_envs, bool))
        has_ended = terminated | truncated
        if has_ended.any():
            lanes, observations, infos = session.ended()
            final = np.full(self.num_envs, None, dtype=object)
            for lane, observation in zip(lanes, observations):
                final[lane] = observation
            final_info = {key: np.zeros(self.num_envs, array.dtype) for key, array in infos.items()}
            for key, array in infos.items():
                final_info[key][lanes] = array
            info.update(self._masked({"final_obs": final, "final_info": self._masked(final_info, has_ended)}, has_ended))
        return self._observation(), rewards, terminated, truncated, info

    def _observation(self):
        place = self._place if self._place is not None else np.empty(self.observation_space.shape, np.float32)
        self._session.observe(place)
        return place

    @staticmethod
    def _masked(arrays, mask):
        """Gymnasium's form: beside each entry `key`, `_key` tells which lanes have it."""
        return {**arrays, **{"_" + key: mask.copy() for key in arrays}}
