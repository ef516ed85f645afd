"""Where Gymnasium is found, the environments are its subclasses and speak with its spaces."""

import unittest

import gymnasium
from btcai_env import TradingEnv, VectorTradingEnv

DATA = "synthetic:gbm,bars=6000,seed=1"
FIELDS = {"features.cache": False}


class Gymnasium(unittest.TestCase):
    def test_the_single_environment_is_an_env(self):
        env = TradingEnv(DATA, FIELDS)
        self.assertIsInstance(env, gymnasium.Env)
        self.assertIsInstance(env.observation_space, gymnasium.spaces.Box)
        self.assertIsInstance(env.action_space, gymnasium.spaces.Discrete)
        env.reset(seed=3)
        self.assertEqual(env.np_random_seed, 3)

    def test_the_vectorised_one_is_a_vector_env(self):
        env = VectorTradingEnv(2, DATA, FIELDS)
        self.assertIsInstance(env, gymnasium.vector.VectorEnv)
        self.assertIsInstance(env.observation_space, gymnasium.spaces.Box)
        self.assertIsInstance(env.single_action_space, gymnasium.spaces.Discrete)
        self.assertIsInstance(env.action_space, gymnasium.spaces.MultiDiscrete)
        self.assertIs(env.metadata["autoreset_mode"], gymnasium.vector.AutoresetMode.SAME_STEP)
        env.reset(seed=3)
        self.assertEqual(env.np_random_seed, 3)


if __name__ == "__main__":
    unittest.main()
