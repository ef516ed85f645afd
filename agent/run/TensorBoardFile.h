#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "agent/protocol/Messages.h"

namespace btcai {

/// Scalars over steps as TensorBoard reads them: records framed as TensorFlow's TFRecord (length, data, and a masked CRC-32C of each;
/// tensorflow.org/tutorials/load_data/tfrecord, "TFRecords format details"), each a protocol buffer of the message Event
/// (tensorflow/core/util/event.proto).
class TensorBoardFile {
public:
    /// `time`: when it begins, UTC seconds.
    explicit TensorBoardFile(double time);
    /// Records to append to one that has begun.
    TensorBoardFile() = default;

    /// A value that is not finite is written as it is; TensorBoard marks it.
    void addScalar(std::string_view tag, double value, std::int64_t step, double time);

    /// From here on a new session tells of steps from `step` on; what was told of them before is dropped (SessionLog of the same file).
    void addSessionStart(std::int64_t step, double time);

    const std::string& bytes() const { return m_bytes; }

private:
    void addRecord(std::string_view data);

    std::string m_bytes;
};

struct TensorBoardScalar {
    std::string tag;
    double value = 0.0;
    std::int64_t step = 0;
};

/// The figures of metrics, an evaluation or a calibration; none of other events, nor figures that there are not.
std::vector<TensorBoardScalar> tensorBoardScalars(const protocol::Event& event);

/// The metrics, evaluations and calibrations in the record of a run, as far as no later session superseded them. Steps are account steps, times
/// those of training, pauses left out, such that the last event stands where the record was last written. Tags: "train/<metric>",
/// "<part>/<row>/<figure>", "<part>/forecast <horizon> bars/<figure>". Throws Error(Io) and Error(Protocol) as protocol::replayEvents does.
TensorBoardFile tensorBoardFile(const std::filesystem::path& eventsFile);

} // namespace btcai
