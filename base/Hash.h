#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

struct evp_md_ctx_st; // OpenSSL's EVP_MD_CTX, kept out of this header

namespace btcai {

/// SHA-256 (FIPS 180-4) of bytes that come in pieces. Move-only; not for several threads at once.
class Sha256Stream {
public:
    Sha256Stream();
    ~Sha256Stream();
    Sha256Stream(Sha256Stream&&) noexcept;
    Sha256Stream& operator=(Sha256Stream&&) noexcept;

    Sha256Stream& update(std::string_view bytes);
    Sha256Stream& update(std::span<const std::byte> bytes);
    /// 64 lower-case hex digits. Then starts afresh, as if just constructed.
    std::string finishHex();

private:
    struct Free {
        void operator()(evp_md_ctx_st* context) const noexcept;
    };

    std::unique_ptr<evp_md_ctx_st, Free> m_context;
};

/// 64 lower-case hex digits.
std::string sha256Hex(std::string_view bytes);
std::string sha256Hex(std::span<const std::byte> bytes);

/// Of a whole file, read in pieces. Throws Error(Io).
std::string sha256HexOfFile(const std::filesystem::path& path);

} // namespace btcai
