#include "agent/run/TensorBoardSink.h"

#include <chrono>

#include <fmt/format.h>
#include <unistd.h>

#include "base/Error.h"
#include "base/Log.h"

namespace btcai {

namespace {

double now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

} // namespace

TensorBoardSink::TensorBoardSink(const std::filesystem::path& folder, EventSink& next) : m_next(next)
{
    std::error_code failure;
    std::filesystem::create_directories(folder, failure);
    const double began = now();
    // TensorBoard reads the files of a folder in the order of their names.
    m_path = folder / fmt::format("events.out.tfevents.{:.6f}.{}", began, getpid());
    m_file.open(m_path, std::ios::binary);
    if (failure || !m_file)
        throw Error(ErrorKind::Io, "{}: cannot be written; turn train.tensorboard off or make room for it", m_path.string());
    append(TensorBoardFile(began));
}

void TensorBoardSink::send(const protocol::Event& event)
{
    m_next.send(event);
    const std::lock_guard lock(m_mutex);
    const double time = now();
    TensorBoardFile records;
    if (const auto* resumed = std::get_if<protocol::Resumed>(&event))
        records.addSessionStart(resumed->step + 1, time);
    for (const TensorBoardScalar& scalar : tensorBoardScalars(event))
        records.addScalar(scalar.tag, scalar.value, scalar.step, time);
    append(records);
}

void TensorBoardSink::append(const TensorBoardFile& records)
{
    if (!m_file.is_open() || records.bytes().empty())
        return;
    m_file.write(records.bytes().data(), static_cast<std::streamsize>(records.bytes().size()));
    m_file.flush();
    if (m_file)
        return;
    logWarning("{}: cannot be written any more; the run goes on without it", m_path.string());
    m_file.close();
}

} // namespace btcai
