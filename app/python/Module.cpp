#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "app/python/EnvSession.h"
#include "base/Error.h"

namespace py = pybind11;

namespace btcai {

namespace {

/// An array of `count` values, value(i) each.
template <typename T, typename Value> py::array_t<T> arrayOf(std::size_t count, const Value& value)
{
    py::array_t<T> array(static_cast<py::ssize_t>(count));
    T* const out = array.mutable_data();
    for (std::size_t i = 0; i < count; ++i)
        out[i] = static_cast<T>(value(i));
    return array;
}

/// The part of an array that rows of observations are written to. It must be that large, of float32 and contiguous: written in place.
std::span<float> placeFor(py::array_t<float, py::array::c_style>& array, std::size_t size)
{
    if (static_cast<std::size_t>(array.size()) != size)
        throw Error(ErrorKind::BadInput, "the array for observations holds {} values, not {}", array.size(), size);
    return {array.mutable_data(), size};
}

py::array_t<float> boundsOf(const EnvSession& session, float ObservationBounds::*end)
{
    return arrayOf<float>(session.observationSize(), [&](std::size_t i) { return session.observationBounds()[i].*end; });
}

py::tuple step(EnvSession& session, const py::array_t<std::int64_t, py::array::c_style>& actions)
{
    session.step({actions.data(), static_cast<std::size_t>(actions.size())});
    const StepResult& result = session.result();
    const std::size_t n = session.envs();
    return py::make_tuple(arrayOf<double>(n, [&](std::size_t lane) { return result.reward[lane]; }),
                          arrayOf<bool>(n, [&](std::size_t lane) { return result.terminated[lane]; }),
                          arrayOf<bool>(n, [&](std::size_t lane) { return result.truncated[lane]; }));
}

/// Of `count` accounts, each a value.
template <typename Equity, typename Return, typename Row>
py::dict infoOf(const EnvSession& session, std::size_t count, const Equity& equity, const Return& episodeReturn, const Row& row)
{
    py::dict info;
    info["equity"] = arrayOf<double>(count, equity);
    info["episode_return"] = arrayOf<double>(count, episodeReturn);
    info["row"] = arrayOf<std::int64_t>(count, row);
    info["time"] = arrayOf<std::int64_t>(count, [&](std::size_t i) { return session.closeTime(row(i)); });
    return info;
}

py::dict info(const EnvSession& session)
{
    return infoOf(
        session, session.envs(), [&](std::size_t lane) { return session.equity(lane); },
        [&](std::size_t lane) { return session.episodeReturn(lane); }, [&](std::size_t lane) { return session.row(lane); });
}

/// Lanes [ended], observations [ended, observationSize] and what `info` tells, of the episodes that ended in the latest step.
py::tuple ended(const EnvSession& session)
{
    const auto lanes = session.endedLanes();
    const std::size_t n = lanes.size(), size = session.observationSize();
    py::array_t<float> observations({n, size});
    for (std::size_t i = 0; i < n; ++i)
        session.observeEnd(i, {observations.mutable_data(static_cast<py::ssize_t>(i), 0), size});
    const py::dict info = infoOf(
        session, n, [&](std::size_t i) { return session.endedEquity(i); }, [&](std::size_t i) { return session.endedReturn(i); },
        [&](std::size_t i) { return session.endedRow(i); });
    return py::make_tuple(arrayOf<std::int64_t>(n, [&](std::size_t i) { return lanes[i]; }), observations, info);
}

std::unique_ptr<EnvSession> open(std::string config, std::vector<FieldOverride> overrides, std::string part, std::size_t envs,
                                 std::size_t accountsPerStretch, std::size_t threads, bool wholePart)
{
    const py::gil_scoped_release release; // data are read and features computed
    return std::make_unique<EnvSession>(EnvSessionOptions{std::move(config), std::move(overrides), std::move(part), envs, accountsPerStretch,
                                                          threads, wholePart});
}

void translate(std::exception_ptr thrown)
{
    try {
        if (thrown)
            std::rethrow_exception(thrown);
    } catch (const Error& error) {
        PyErr_SetString(error.kind() == ErrorKind::BadInput ? PyExc_ValueError : PyExc_RuntimeError, error.what());
    }
}

} // namespace

} // namespace btcai

PYBIND11_MODULE(_btcai_env, module)
{
    using namespace btcai;
    module.doc() = "The compiled part of btcai_env.";
    py::register_exception_translator(translate);
    py::class_<EnvSession>(module, "EnvSession")
        .def(py::init(&open), py::kw_only(), py::arg("config"), py::arg("overrides"), py::arg("part"), py::arg("num_envs"),
             py::arg("accounts_per_stretch"), py::arg("threads"), py::arg("whole_part"))
        .def_property_readonly("observation_size", &EnvSession::observationSize)
        .def_property_readonly("action_count", &EnvSession::actionCount)
        .def_property_readonly("feature_names", &EnvSession::featureNames)
        .def_property_readonly("low", [](const EnvSession& session) { return boundsOf(session, &ObservationBounds::low); })
        .def_property_readonly("high", [](const EnvSession& session) { return boundsOf(session, &ObservationBounds::high); })
        .def("reset", &EnvSession::reset, py::arg("seed"))
        .def("step", &step, py::arg("actions").noconvert())
        .def("observe",
             [](const EnvSession& session, py::array_t<float, py::array::c_style> out) {
                 session.observe(placeFor(out, session.envs() * session.observationSize()));
             },
             py::arg("out").noconvert())
        .def("info", &info)
        .def("ended", &ended);
}
