#include "data/bars/Sha256.h"

#include <bit>
#include <cstring>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "base/Error.h"

namespace btcai {

static_assert(std::endian::native == std::endian::little, "numbers are hashed as they lie in memory");

struct Sha256::Context {
    EVP_MD_CTX* md = nullptr;
    ~Context() { EVP_MD_CTX_free(md); }
};

Sha256::Sha256() : m_context(std::make_unique<Context>())
{
    m_context->md = EVP_MD_CTX_new();
    if (m_context->md == nullptr || EVP_DigestInit_ex(m_context->md, EVP_sha256(), nullptr) != 1)
        throw Error(ErrorKind::Internal, "SHA-256 is not available in this OpenSSL");
}

Sha256::~Sha256() = default;

void Sha256::addBytes(std::span<const std::uint8_t> bytes)
{
    if (EVP_DigestUpdate(m_context->md, bytes.data(), bytes.size()) != 1)
        throw Error(ErrorKind::Internal, "SHA-256 failed");
}

void Sha256::addText(std::string_view text)
{
    addWord(text.size());
    addBytes({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

void Sha256::addWord(std::uint64_t word)
{
    std::uint8_t bytes[sizeof word];
    std::memcpy(bytes, &word, sizeof word);
    addBytes(bytes);
}

void Sha256::addDoubles(std::span<const double> values)
{
    addBytes({reinterpret_cast<const std::uint8_t*>(values.data()), values.size_bytes()});
}

std::string Sha256::hexDigest()
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    if (EVP_DigestFinal_ex(m_context->md, digest, &length) != 1)
        throw Error(ErrorKind::Internal, "SHA-256 failed");
    std::string hex;
    hex.reserve(2 * length);
    for (unsigned int i = 0; i < length; ++i)
        fmt::format_to(std::back_inserter(hex), "{:02x}", digest[i]);
    return hex;
}

} // namespace btcai
