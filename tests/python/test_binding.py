"""The binding beside the C++ class, step by step and bit for bit, and what it promises of itself.

Without Gymnasium, even where that is installed.
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest

sys.modules["gymnasium"] = None

import numpy as np
from btcai_env import TradingEnv, VectorTradingEnv

DATA = "synthetic:jump,bars=6000,seed=4,volatility=0.01,jump-rate=0.02,jump-deviation=0.2"
FIELDS = {"features.cache": False, "account.episode_bars": 40, "account.ruin_share": 0.9, "account.allow_short": True}


def trajectories():
    text = subprocess.run([os.environ["BTCAI_TRAJECTORIES"]], check=True, capture_output=True, text=True).stdout
    return json.loads(text)


def floats(rows):
    return np.array(rows, np.float32)


def play(env, seed, steps=120):
    """All that a vectorised environment shows under a fixed rule."""
    shown = [env.reset(seed=seed)[0].tobytes()]
    for step in range(steps):
        actions = (np.arange(env.num_envs) + step // 4) % env.single_action_space.n
        observation, rewards, terminated, truncated, info = env.step(actions)
        shown += [array.tobytes() for array in (observation, rewards, terminated, truncated, info["equity"])]
    return b"".join(shown)


class SameAsTheClass(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cases = trajectories()

    def test_vectorised(self):
        ends = {"terminated": 0, "truncated": 0}
        for case in self.cases:
            with self.subTest(case["name"]):
                env = VectorTradingEnv(
                    case["num_envs"], fields=case["fields"], part=case["part"], accounts_per_stretch=case["accounts_per_stretch"], threads=2
                )
                self.assertEqual(env.feature_names, case["features"])
                observation, info = env.reset(seed=case["seed"])
                np.testing.assert_array_equal(observation, floats(case["first"]))
                for lanes in case["steps"]:
                    self.compare_step(env, env.step(np.array([lane["action"] for lane in lanes])), lanes)
                    for way in ends:
                        ends[way] += sum(lane[way] for lane in lanes)
        self.assertGreater(min(ends.values()), 10)

    def compare_step(self, env, got, lanes):
        observation, rewards, terminated, truncated, info = got
        np.testing.assert_array_equal(observation, floats([lane["observation"] for lane in lanes]))
        np.testing.assert_array_equal(rewards, [lane["reward"] for lane in lanes])
        np.testing.assert_array_equal(terminated, [lane["terminated"] for lane in lanes])
        np.testing.assert_array_equal(truncated, [lane["truncated"] for lane in lanes])
        for key in ("equity", "episode_return", "row", "time"):
            np.testing.assert_array_equal(info[key], [lane[key] for lane in lanes], key)
            self.assertTrue(info["_" + key].all())
        has_ended = [("final" in lane) for lane in lanes]
        self.assertEqual("final_obs" in info, any(has_ended))
        if not any(has_ended):
            return
        for mask in (info["_final_obs"], info["_final_info"], info["final_info"]["_equity"]):
            np.testing.assert_array_equal(mask, has_ended)
        for i, lane in enumerate(lanes):
            if not has_ended[i]:
                self.assertIsNone(info["final_obs"][i])
                continue
            np.testing.assert_array_equal(info["final_obs"][i], floats(lane["final"]["observation"]))
            self.assertEqual(info["final_info"]["row"][i], lane["final"]["row"])
            self.assertEqual(info["final_info"]["episode_return"][i], lane["final"]["episode_return"])

    def test_single(self):
        case = self.cases[0]
        env = TradingEnv(fields=case["fields"], part=case["part"])
        observation, _ = env.reset(seed=case["seed"])
        np.testing.assert_array_equal(observation, floats(case["first"][0]))
        for (lane,) in case["steps"]:
            observation, reward, terminated, truncated, info = env.step(lane["action"])
            self.assertEqual((reward, terminated, truncated), (lane["reward"], lane["terminated"], lane["truncated"]))
            end = lane.get("final", lane)
            np.testing.assert_array_equal(observation, floats(end["observation"]))
            self.assertEqual((info["row"], info["episode_return"]), (end["row"], end["episode_return"]))
            if terminated or truncated:
                return
        self.fail("no episode ended")


class Vectorised(unittest.TestCase):
    def test_seeds_name_runs(self):
        env = VectorTradingEnv(5, DATA, FIELDS)
        first = play(env, 11)
        self.assertNotEqual(play(env, 12), first)
        self.assertEqual(play(env, 11), first)
        self.assertEqual(play(VectorTradingEnv(5, DATA, FIELDS, threads=3, copy=False), 11), first)

    def test_observations_lie_in_their_space(self):
        for extra in ({}, {"account.actions": "orders", "goal.in_state": True, "features.normalizer": "robust"}):
            env = VectorTradingEnv(4, DATA, {**FIELDS, **extra})
            observation, _ = env.reset(seed=1)
            env.action_space.seed(1)
            for _ in range(200):
                self.assertTrue(env.observation_space.contains(observation))
                self.assertTrue(env.single_observation_space.contains(observation[2]))
                observation, *_, info = env.step(env.action_space.sample())
                for final in info.get("final_obs", []):
                    self.assertTrue(final is None or env.single_observation_space.contains(final))
        outside = observation.copy()
        outside[1, 3] = 6.0
        self.assertFalse(env.observation_space.contains(outside))

    def test_arrays_are_the_callers_unless_copies_are_declined(self):
        env = VectorTradingEnv(3, DATA, FIELDS)
        first, _ = env.reset(seed=1)
        kept = first.copy()
        env.step([1, 1, 0])
        np.testing.assert_array_equal(first, kept)
        env = VectorTradingEnv(3, DATA, FIELDS, copy=False)
        first, _ = env.reset(seed=1)
        np.testing.assert_array_equal(first, kept)
        self.assertIs(env.step([1, 1, 0])[0], first)

    def test_accounts_of_a_stretch_stand_at_one_bar(self):
        _, info = VectorTradingEnv(6, DATA, FIELDS, accounts_per_stretch=3).reset(seed=5)
        rows = info["row"].reshape(2, 3)
        self.assertTrue((rows == rows[:, :1]).all())
        self.assertNotEqual(rows[0, 0], rows[1, 0])

    def test_bad_actions_raise_and_step_nothing(self):
        env = VectorTradingEnv(3, DATA, FIELDS)
        with self.assertRaisesRegex(RuntimeError, "reset"):
            env.step([0, 0, 0])
        _, before = env.reset(seed=1)
        for bad in ([0, 0], [0, 0, 0, 0], [[0, 0, 0]], [0.0, 1.0, 2.0], [True, False, True], ["a", "b", "c"]):
            with self.subTest(bad), self.assertRaisesRegex(ValueError, "3 integers"):
                env.step(bad)
        for bad in ([0, 3, 0], [0, -1, 0], [0, 2**40, 0]):
            with self.subTest(bad), self.assertRaisesRegex(ValueError, f"action {bad[1]} of environment 1: must be 0 to 2"):
                env.step(bad)
        *_, after = env.step([0, 0, 0])
        np.testing.assert_array_equal(after["row"], before["row"] + 1)

    def test_counts_that_do_not_divide(self):
        for num_envs, group in ((4, 3), (0, 1), (4, 0)):
            with self.subTest(num_envs), self.assertRaisesRegex(ValueError, "num_envs"):
                VectorTradingEnv(num_envs, DATA, FIELDS, accounts_per_stretch=group)


class Single(unittest.TestCase):
    def test_an_ended_episode_waits_for_reset(self):
        env = TradingEnv(DATA, {**FIELDS, "account.ruin_share": 0.0})
        with self.assertRaisesRegex(RuntimeError, "reset"):
            env.step(0)
        _, start = env.reset(seed=2)
        for step in range(1, 41):
            observation, reward, terminated, truncated, info = env.step(0)
            self.assertEqual((terminated, truncated), (False, step == 40))
            self.assertEqual(info["row"], start["row"] + step)
            self.assertEqual((reward, info["equity"]), (0.0, 10000.0))
            self.assertTrue(env.observation_space.contains(observation))
        with self.assertRaisesRegex(RuntimeError, "reset"):
            env.step(0)

    def test_resets_without_a_seed_follow_the_last_seed(self):
        env = TradingEnv(DATA, FIELDS)

        def starts(seed):
            return [env.reset(seed=seed)[1]["row"]] + [env.reset()[1]["row"] for _ in range(5)]

        rows = starts(9)
        self.assertEqual(starts(9), rows)
        self.assertEqual(starts(np.int64(9)), rows)
        self.assertGreater(len(set(rows)), 3)
        self.assertNotEqual(TradingEnv(DATA, FIELDS).reset()[1]["row"], TradingEnv(DATA, FIELDS).reset()[1]["row"])

    # From row a to row b a part has b - a bars; from its first, which is seen at the reset, b - a - 1 steps lead to its last.
    def test_a_whole_part_is_one_episode(self):
        ends = {}
        for part in ("validation", "test"):
            env = TradingEnv(DATA, {**FIELDS, "account.ruin_share": 0.0}, part=part, whole_part=True)
            _, info = env.reset(seed=1)
            first, steps, over = info["row"], 0, False
            while not over:
                *_, over, info = env.step(0)
                steps += 1
            self.assertEqual(info["row"], first + steps)
            ends[part] = (first, info["row"])
        self.assertLess(ends["validation"][1], ends["test"][0])
        self.assertEqual(ends["test"][1], 5999)  # the last of 6000 rows

    def test_bad_seeds_and_options(self):
        env = TradingEnv(DATA, FIELDS)
        for seed in (-1, 2**64):
            with self.assertRaisesRegex(ValueError, "seed"):
                env.reset(seed=seed)
        with self.assertRaises(TypeError):
            env.reset(seed=1.5)
        with self.assertRaisesRegex(ValueError, "start"):
            env.reset(options={"start": 3})

    def test_bad_actions(self):
        env = TradingEnv(DATA, FIELDS)
        env.reset(seed=1)
        for bad in (3, -1):
            with self.assertRaisesRegex(ValueError, "must be 0 to 2"):
                env.step(bad)
        with self.assertRaises(TypeError):
            env.step(1.0)
        self.assertEqual(TradingEnv(DATA, {**FIELDS, "account.allow_short": False}).action_space.n, 2)

    def test_a_closed_environment_says_so(self):
        with TradingEnv(DATA, FIELDS) as env:
            env.reset(seed=1)
        for use in (env.reset, lambda: env.step(0)):
            with self.assertRaisesRegex(RuntimeError, "closed"):
                use()
        env.close()


class Configuration(unittest.TestCase):
    def test_no_libtorch_comes_into_the_process(self):  # where another one often is
        with open("/proc/self/maps", encoding="utf-8") as maps:
            loaded = maps.read()
        self.assertIn("_btcai_env", loaded)
        self.assertNotIn("libtorch", loaded)

    def test_a_file_and_fields_that_win_over_it(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "run.toml")
            with open(path, "w", encoding="utf-8") as file:
                file.write(f'data = "{DATA}"\n[features]\ncache = false\n[account]\ninitial_cash = 500.0\nepisode_bars = 50\n')
            self.assertEqual(TradingEnv(config=path).reset(seed=1)[1]["equity"], 500.0)
            self.assertEqual(TradingEnv(fields={"account.initial_cash": 750}, config=path).reset(seed=1)[1]["equity"], 750.0)
            with open(path, "a", encoding="utf-8") as file:
                file.write("ruin = 1\n")
            with self.assertRaisesRegex(ValueError, "run.toml"):
                TradingEnv(config=path)

    def test_errors_name_the_field(self):
        for fields, message in (
            ({"account.initial_csh": 1}, "account.initial_cash"),  # the nearest one there is
            ({"account.initial_cash": -1}, "account.initial_cash"),
            ({"costs.fee_tiers": "nonsense"}, "costs.fee_tiers"),
            ({"features.select": "no_such_feature"}, "features.select"),
            ({"split.train_share": 0.9, "split.validation_share": 0.3}, "split.train_share"),
        ):
            with self.subTest(fields), self.assertRaisesRegex(ValueError, message):
                TradingEnv(DATA, fields)
        with self.assertRaisesRegex(TypeError, "account.exposure"):
            TradingEnv(DATA, {"account.exposure": [1.0]})
        with self.assertRaisesRegex(ValueError, "part = exam"):
            TradingEnv(DATA, FIELDS, part="exam")
        with self.assertRaisesRegex(ValueError, "data"):
            TradingEnv()
        with self.assertRaises(RuntimeError):  # the operating system's word, not the caller's form
            TradingEnv(config="no-such-folder/run.toml")


if __name__ == "__main__":
    unittest.main()
