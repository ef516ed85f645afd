#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "models/Torch.h"

namespace btcai {

/// Named tensors with text beside them, in the safetensors format (https://github.com/huggingface/safetensors, README "Format"):
/// eight bytes of header length (little-endian), a JSON header with dtype, shape and byte range of each tensor, then the
/// bytes. Other programs read these files; nothing in them is ever executed.
struct TensorFile {
    std::map<std::string, torch::Tensor> tensors; ///< on the CPU, contiguous; float32, float64, int64 or uint8
    std::map<std::string, std::string> metadata;
};

/// The bytes of a file. The same content gives the same bytes.
std::string writeTensorFile(const TensorFile& file);

/// Throws Error(Io) when missing, Error(Corrupt) naming the file and what is wrong with it: cut short, header beyond 16 MiB, byte
/// ranges that overlap, leave holes or do not fit the shape, unknown dtype.
TensorFile readTensorFile(const std::filesystem::path& path);
TensorFile parseTensorFile(std::string_view bytes, const std::string& name);

} // namespace btcai
