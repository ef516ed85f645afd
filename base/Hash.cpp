#include "base/Hash.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <vector>

#include <fmt/core.h>
#include <openssl/evp.h>

#include "base/Error.h"

namespace btcai {

namespace {

/// OpenSSL's digests fail only for lack of memory or a crippled build.
void require(int result)
{
    if (result != 1)
        throw Error(ErrorKind::Internal, "OpenSSL cannot compute SHA-256");
}

} // namespace

void Sha256Stream::Free::operator()(evp_md_ctx_st* context) const noexcept { EVP_MD_CTX_free(context); }

Sha256Stream::Sha256Stream() : m_context(EVP_MD_CTX_new())
{
    require(m_context ? EVP_DigestInit_ex(m_context.get(), EVP_sha256(), nullptr) : 0);
}

Sha256Stream::~Sha256Stream() = default;
Sha256Stream::Sha256Stream(Sha256Stream&&) noexcept = default;
Sha256Stream& Sha256Stream::operator=(Sha256Stream&&) noexcept = default;

Sha256Stream& Sha256Stream::update(std::string_view bytes)
{
    require(EVP_DigestUpdate(m_context.get(), bytes.data(), bytes.size()));
    return *this;
}

Sha256Stream& Sha256Stream::update(std::span<const std::byte> bytes)
{
    require(EVP_DigestUpdate(m_context.get(), bytes.data(), bytes.size()));
    return *this;
}

std::string Sha256Stream::finishHex()
{
    std::array<unsigned char, 32> digest;
    require(EVP_DigestFinal_ex(m_context.get(), digest.data(), nullptr));
    require(EVP_DigestInit_ex(m_context.get(), EVP_sha256(), nullptr));
    std::string hex;
    for (const unsigned char byte : digest)
        hex += fmt::format("{:02x}", byte);
    return hex;
}

std::string sha256Hex(std::string_view bytes) { return Sha256Stream().update(bytes).finishHex(); }
std::string sha256Hex(std::span<const std::byte> bytes) { return Sha256Stream().update(bytes).finishHex(); }

std::string sha256HexOfFile(const std::filesystem::path& path)
{
    const auto fail = [&](const char* what) {
        throw Error(ErrorKind::Io, "{}: {}: {}", path.string(), what, std::generic_category().message(errno));
    };
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"), &std::fclose);
    if (!file)
        fail("cannot be opened for reading");
    Sha256Stream hash;
    std::vector<char> buffer(1 << 18);
    while (const std::size_t size = std::fread(buffer.data(), 1, buffer.size(), file.get()))
        hash.update(std::string_view(buffer.data(), size));
    if (std::ferror(file.get()))
        fail("cannot be read");
    return hash.finishHex();
}

} // namespace btcai
